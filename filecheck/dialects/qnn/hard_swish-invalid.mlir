// Fails when the verifier of qnn.hard_swish lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding must be one of away, float32, tflite, got ruy
func.func @hard_swish_c1(%x: tensor<4xi8>) {
  %r = qnn.hard_swish %x input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = ruy
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: tflite takes an input scale below 128 output scales, got 128
func.func @hard_swish_c1_scales(%x: tensor<4xi8>) {
  %r = qnn.hard_swish %x input_q = <scale = 1.0> output_q = <scale = 0.0078125> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
