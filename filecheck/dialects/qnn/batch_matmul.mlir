// Fails when a product of two tensors mixes up their zero points, or loses that rhs is transposed.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @zero_points(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.batch_matmul %[[A]], %[[B]] transpose_rhs lhs_zero_point = -10 rhs_zero_point = 3 : (tensor<2x4x8xi8>, tensor<2x5x8xi8>) -> tensor<2x4x5xi32>
// GENERIC: "qnn.batch_matmul"({{.*}}) <{transpose_rhs, lhs_zero_point = -10 : i32, rhs_zero_point = 3 : i32}>
func.func @zero_points(%a: tensor<2x4x8xi8>, %b: tensor<2x5x8xi8>) {
  %r = qnn.batch_matmul %a, %b transpose_rhs lhs_zero_point = -10 rhs_zero_point = 3
    : (tensor<2x4x8xi8>, tensor<2x5x8xi8>) -> tensor<2x4x5xi32>
  return
}

// CHECK: @defaults(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.batch_matmul %[[A]], %[[B]] : (tensor<4x8xui8>, tensor<8x5xi8>) -> tensor<4x5xi32>
// GENERIC: "qnn.batch_matmul"({{.*}}) <{lhs_zero_point = 0 : i32, rhs_zero_point = 0 : i32}>
func.func @defaults(%a: tensor<4x8xui8>, %b: tensor<8x5xi8>) {
  %r = qnn.batch_matmul %a, %b : (tensor<4x8xui8>, tensor<8x5xi8>) -> tensor<4x5xi32>
  return
}

// CHECK: @broadcast(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.batch_matmul %[[A]], %[[B]] : (tensor<3x1x4x8xi8>, tensor<2x8x5xi8>) -> tensor<3x2x4x5xi32>
func.func @broadcast(%a: tensor<3x1x4x8xi8>, %b: tensor<2x8x5xi8>) {
  %r = qnn.batch_matmul %a, %b : (tensor<3x1x4x8xi8>, tensor<2x8x5xi8>) -> tensor<3x2x4x5xi32>
  return
}

// CHECK: @as_attributes(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.batch_matmul %[[A]], %[[B]] transpose_rhs rhs_zero_point = 2 : (
func.func @as_attributes(%a: tensor<1x2xi8>, %b: tensor<3x2xi8>) {
  %r = "qnn.batch_matmul"(%a, %b) {rhs_zero_point = 2 : i32, transpose_rhs}
    : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  return
}
