// Fails when the verifier of qnn.elu lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding must be one of away, float32, tflite, got ruy
func.func @elu_c1(%x: tensor<4xi8>) {
  %r = qnn.elu %x alpha = 1.000000e+00 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = ruy
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: rounding tflite defines elu with alpha 1, got 2.0
func.func @elu_c1_alpha(%x: tensor<4xi8>) {
  %r = qnn.elu %x alpha = 2.0 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha must be finite, got inf
func.func @elu_c2(%x: tensor<4xi8>) {
  %r = qnn.elu %x alpha = 0x7FF0000000000000 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
