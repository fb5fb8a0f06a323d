// Fails when the verifier of sima.batch_matmul lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: lhs has 2 columns, rhs takes 3
func.func @batch_matmul_c1(%a: tensor<4x2xi8>, %b: tensor<3x5xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 1 shift = 0
    : (tensor<4x2xi8>, tensor<3x5xi8>) -> tensor<4x5xi8>
  return
}

// -----

// CHECK: result must have shape 4x5, got 5x4
func.func @batch_matmul_c1_result(%a: tensor<4x2xi8>, %b: tensor<2x5xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 1 shift = 0
    : (tensor<4x2xi8>, tensor<2x5xi8>) -> tensor<5x4xi8>
  return
}

// -----

// CHECK: lhs_zero_point must be in -128..127, got 128
func.func @batch_matmul_c2(%a: tensor<4x2xi8>, %b: tensor<2x5xi8>) {
  %r = sima.batch_matmul %a, %b lhs_zero_point = 128 scale_correction = 1 shift = 0
    : (tensor<4x2xi8>, tensor<2x5xi8>) -> tensor<4x5xi8>
  return
}

// -----

// CHECK: rhs_zero_point must be in -128..127, got -129
func.func @batch_matmul_c2_rhs(%a: tensor<4x2xi8>, %b: tensor<2x5xi8>) {
  %r = sima.batch_matmul %a, %b rhs_zero_point = -129 scale_correction = 1 shift = 0
    : (tensor<4x2xi8>, tensor<2x5xi8>) -> tensor<4x5xi8>
  return
}

// -----

// CHECK: scale_correction must be given, got none
func.func @batch_matmul_c3(%a: tensor<4x2xi8>, %b: tensor<2x5xi8>) {
  %r = sima.batch_matmul %a, %b shift = 0 : (tensor<4x2xi8>, tensor<2x5xi8>) -> tensor<4x5xi8>
  return
}

// -----

// CHECK: shift must be in 0..31, got 32
func.func @batch_matmul_c3_shift(%a: tensor<4x2xi8>, %b: tensor<2x5xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 1 shift = 32
    : (tensor<4x2xi8>, tensor<2x5xi8>) -> tensor<4x5xi8>
  return
}

// -----

// The source's zero point would give other products.
// CHECK: certificate cannot be checked: its source's rhs_zero_point must be 0 : i32, got 1 : i32
func.func @batch_matmul_c3_certificate(%a: tensor<1x4xi8>, %b: tensor<4x1xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 1 shift = 3
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.125>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      lhs_zero_point = 0 : i32, rhs_zero_point = 1 : i32}>
    : (tensor<1x4xi8>, tensor<4x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// The source takes an eighth of a sum, the operation 5/32: where this has reached -128, that is at
// -102.
// CHECK: certificate must have max_error at least 26, got 25
func.func @batch_matmul_c3_bound(%a: tensor<1x4xi8>, %b: tensor<4x1xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 5 shift = 5
    certificate = <max_error = 25, source = {input_q = #qnn.quantization<scale = 0.125>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      lhs_zero_point = 0 : i32, rhs_zero_point = 0 : i32}>
    : (tensor<1x4xi8>, tensor<4x1xi8>) -> tensor<1x1xi8>
  return
}
