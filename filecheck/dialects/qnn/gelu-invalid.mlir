// Fails when the verifier of qnn.gelu lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding must be one of away, float32, tflite, got ruy
func.func @gelu_c1(%x: tensor<4xi8>) {
  %r = qnn.gelu %x input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = ruy
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
