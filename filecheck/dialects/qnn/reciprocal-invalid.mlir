// Fails when the verifier of qnn.reciprocal lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding tflite defines no reciprocal
func.func @reciprocal_c1(%x: tensor<4xi8>) {
  %r = qnn.reciprocal %x input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
