// Fails when the verifier of qnn.abs lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding must be one of away, float32, tflite, got ruy
func.func @abs_c1(%x: tensor<4xi8>) {
  %r = qnn.abs %x input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = ruy
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: multiplier must be less than 2**31, got 1.2676506002282294e+30
func.func @abs_c1_scales(%x: tensor<4xi8>) {
  %r = qnn.abs %x input_q = <scale = 1.0> output_q = <scale = 7.888609052210118e-31> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
