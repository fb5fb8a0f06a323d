// Fails when the verifier of qnn.batch_matmul lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: lhs and rhs must have at least 2 axes, got 1 and 2
func.func @batch_matmul_c1(%a: tensor<2xi8>, %b: tensor<2x3xi8>) {
  %r = qnn.batch_matmul %a, %b : (tensor<2xi8>, tensor<2x3xi8>) -> tensor<3xi32>
  return
}

// -----

// CHECK: lhs has 2 columns, rhs takes 3
func.func @batch_matmul_c1_columns(%a: tensor<4x2xi8>, %b: tensor<3x5xi8>) {
  %r = qnn.batch_matmul %a, %b : (tensor<4x2xi8>, tensor<3x5xi8>) -> tensor<4x5xi32>
  return
}

// -----

// CHECK: lhs has 2 columns, rhs takes 3
func.func @batch_matmul_c1_transposed(%a: tensor<4x2xi8>, %b: tensor<2x3xi8>) {
  %r = qnn.batch_matmul %a, %b transpose_rhs
    : (tensor<4x2xi8>, tensor<2x3xi8>) -> tensor<4x3xi32>
  return
}

// -----

// CHECK: batch axes must broadcast to one shape, got [2] and [6, 3]
func.func @batch_matmul_c2(%a: tensor<2x4x2xi8>, %b: tensor<6x3x2x5xi8>) {
  %r = qnn.batch_matmul %a, %b
    : (tensor<2x4x2xi8>, tensor<6x3x2x5xi8>) -> tensor<6x3x4x5xi32>
  return
}

// -----

// CHECK: result must have shape 3x4x5, got 1x4x5
func.func @batch_matmul_c2_result(%a: tensor<1x4x2xi8>, %b: tensor<3x2x5xi8>) {
  %r = qnn.batch_matmul %a, %b : (tensor<1x4x2xi8>, tensor<3x2x5xi8>) -> tensor<1x4x5xi32>
  return
}

// -----

// CHECK: lhs_zero_point must be in -128..127, got 128
func.func @batch_matmul_c3(%a: tensor<4x2xi8>, %b: tensor<2x5xui8>) {
  %r = qnn.batch_matmul %a, %b lhs_zero_point = 128
    : (tensor<4x2xi8>, tensor<2x5xui8>) -> tensor<4x5xi32>
  return
}

// -----

// CHECK: rhs_zero_point must be in 0..255, got -1
func.func @batch_matmul_c3_rhs(%a: tensor<4x2xi8>, %b: tensor<2x5xui8>) {
  %r = qnn.batch_matmul %a, %b rhs_zero_point = -1
    : (tensor<4x2xi8>, tensor<2x5xui8>) -> tensor<4x5xi32>
  return
}
