// Fails when a product of two tensors mixes up their zero points, or loses a constant.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.batch_matmul %[[A]], %[[B]] transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7 scale_correction = 257 shift = 17 bias = -131072 : (
// GENERIC: "sima.batch_matmul"({{.*}}) <{transpose_rhs, lhs_zero_point = 3 : i32, rhs_zero_point = -7 : i32, scale_correction = 257 : i32, shift = 17 : i32, bias = -131072 : i32, requantization = #sima<requantization sima>}>
func.func @shift(%a: tensor<2x4x8xi8>, %b: tensor<2x5x8xi8>) {
  %r = sima.batch_matmul %a, %b transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7
    scale_correction = 257 shift = 17 bias = -131072
    : (tensor<2x4x8xi8>, tensor<2x5x8xi8>) -> tensor<2x4x5xi8>
  return
}

// CHECK: @multiply(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.batch_matmul %[[A]], %[[B]] requantization = tflite rounding = away scale_correction = [3, 1, 2] shift = 4 zero_point_correction = 5 clamp = [0, 6] : (
func.func @multiply(%a: tensor<3x1x2x4xi8>, %b: tensor<2x4x3xi8>) {
  %r = sima.batch_matmul %a, %b requantization = tflite rounding = away
    scale_correction = [3, 1, 2] shift = 4 zero_point_correction = 5 clamp = [0, 6]
    : (tensor<3x1x2x4xi8>, tensor<2x4x3xi8>) -> tensor<3x2x2x3xi8>
  return
}

// CHECK: @as_attributes(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.batch_matmul %[[A]], %[[B]] transpose_rhs rhs_zero_point = 2 scale_correction = 1 shift = 3 : (
func.func @as_attributes(%a: tensor<1x2xi8>, %b: tensor<3x2xi8>) {
  %r = "sima.batch_matmul"(%a, %b) {rhs_zero_point = 2 : i32, transpose_rhs,
    scale_correction = 1 : i32, shift = 3 : i32} : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi8>
  return
}

// The source takes an eighth of a sum, the operation 5/32: where this has reached -128, that is at
// -102.
// CHECK: @certified(
// CHECK-NEXT: sima.batch_matmul {{.*}} certificate = <max_error = 26, source = {
func.func @certified(%a: tensor<1x4xi8>, %b: tensor<4x1xi8>) {
  %r = sima.batch_matmul %a, %b scale_correction = 5 shift = 5
    certificate = <max_error = 26, source = {input_q = #qnn.quantization<scale = 0.125>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      lhs_zero_point = 0 : i32, rhs_zero_point = 0 : i32}>
    : (tensor<1x4xi8>, tensor<4x1xi8>) -> tensor<1x1xi8>
  return
}
