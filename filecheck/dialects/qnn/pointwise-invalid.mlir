// Fails when the verifier of a function of one code lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: result must have type tensor<4xi8>, got tensor<4xui8>
func.func @pointwise_p1(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xui8>
  return
}

// -----

// CHECK: result must have type tensor<4xi8>, got tensor<2x2xi8>
func.func @pointwise_p1_shape(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<2x2xi8>
  return
}

// -----

// CHECK: input_q must have 1 scale, got 2
func.func @pointwise_p2(%x: tensor<2xi8>) {
  %r = qnn.tanh %x input_q = <scale = [1.0, 2.0]> output_q = <scale = 1.0>
    : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: input_q zero point must be in 0..255, got -1
func.func @pointwise_p2_input(%x: tensor<4xui8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0, zero_point = -1> output_q = <scale = 1.0>
    : (tensor<4xui8>) -> tensor<4xui8>
  return
}

// -----

// CHECK: output_q zero point must be in -128..127, got 128
func.func @pointwise_p2_output(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0, zero_point = 128>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: rounding must be one of away, float32, tflite, got upward
func.func @pointwise_p3(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = upward
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: scale must be positive and finite in float32, got 1e-50
func.func @pointwise_p3_scale(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0e-50> rounding = float32
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: scale must be positive and finite in float32, got 1e+40
func.func @pointwise_p3_input(%x: tensor<4xi8>) {
  %r = qnn.tanh %x input_q = <scale = 1.0e40> output_q = <scale = 1.0> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
