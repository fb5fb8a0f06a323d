// Fails when the verifier of qnn.prelu lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding must be one of away, float32, tflite, got ruy
func.func @prelu_c1(%x: tensor<4xi8>) {
  %r = qnn.prelu %x alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = ruy
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha must be in -128..127, got 128
func.func @prelu_c2(%x: tensor<4xi8>) {
  %r = qnn.prelu %x alpha = 128 alpha_q = <scale = 1.0> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha_q zero point must be in -128..127, got -129
func.func @prelu_c2_zero_point(%x: tensor<4xi8>) {
  %r = qnn.prelu %x alpha = 1 alpha_q = <scale = 1.0, zero_point = -129> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha_q must have 1 scale, got 2
func.func @prelu_c2_scales(%x: tensor<4xi8>) {
  %r = qnn.prelu %x alpha = 1 alpha_q = <scale = [1.0, 2.0]> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha must be in -128..127, got -129
func.func @prelu_c2_list(%x: tensor<4xi8>) {
  %r = qnn.prelu %x alpha = [1, 2, -129, 4] alpha_q = <scale = 1.0> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha must be one value or a list of 4, got 3
func.func @prelu_c3(%x: tensor<2x4xi8>) {
  %r = qnn.prelu %x alpha = [1, 2, 3] alpha_q = <scale = 1.0> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<2x4xi8>) -> tensor<2x4xi8>
  return
}

// -----

// CHECK: alpha must be one value or a list of (), got 1
func.func @prelu_c3_scalar(%x: tensor<i8>) {
  %r = qnn.prelu %x alpha = [1] alpha_q = <scale = 1.0> input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<i8>) -> tensor<i8>
  return
}
