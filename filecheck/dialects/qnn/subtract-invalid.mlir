// Fails when the verifier of qnn.subtract lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rhs must have type tensor<4xi8>, got tensor<1xi8>
func.func @subtract_c1(%a: tensor<4xi8>, %b: tensor<1xi8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>, tensor<1xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: result must have type tensor<4xi8>, got tensor<4xui8>
func.func @subtract_c1_result(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xui8>
  return
}

// -----

// CHECK: lhs_q must have 1 scale, got 2
func.func @subtract_c2(%a: tensor<2xi8>, %b: tensor<2xi8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = [1.0, 2.0]> rhs_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: rhs_q zero point must be in -128..127, got 200
func.func @subtract_c2_rhs(%a: tensor<2xi8>, %b: tensor<2xi8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = 1.0> rhs_q = <scale = 1.0, zero_point = 200>
    output_q = <scale = 1.0>
    : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: output_q zero point must be in 0..255, got -1
func.func @subtract_c2_output(%a: tensor<2xui8>, %b: tensor<2xui8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0,
    zero_point = -1>
    : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  return
}

// -----

// CHECK: rounding must be one of upward, away, tflite, got float32
func.func @subtract_c3(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = qnn.subtract %a, %b lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0>
    rounding = float32
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}
