// Fails when a product mixes up the zero points of its operands, or loses a constant.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.mul %[[A]], %[[B]] lhs_zero_point = 3 rhs_zero_point = -7 scale_correction = 21845 shift = 17 bias = -131072 : (
// GENERIC: "sima.mul"({{.*}}) <{lhs_zero_point = 3 : i32, rhs_zero_point = -7 : i32, scale_correction = 21845 : i32, shift = 17 : i32, bias = -131072 : i32, requantization = #sima<requantization sima>}>
func.func @shift(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b lhs_zero_point = 3 rhs_zero_point = -7 scale_correction = 21845 shift = 17
    bias = -131072 : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @defaults(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.mul %[[A]], %[[B]] scale_correction = 2 shift = 0 clamp = [0, 6] : (
// GENERIC: "sima.mul"({{.*}}) <{scale_correction = 2 : i32, shift = 0 : i32, clamp = array<i32: 0, 6>, lhs_zero_point = 0 : i32, rhs_zero_point = 0 : i32, bias = 0 : i32, requantization = #sima<requantization sima>}>
func.func @defaults(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b scale_correction = 2 shift = 0 clamp = [0, 6]
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @multiply(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.mul %[[A]], %[[B]] lhs_zero_point = 1 rhs_zero_point = 2 requantization = tflite rounding = tflite scale_correction = 3 shift = 4 zero_point_correction = 5 : (
// GENERIC: "sima.mul"({{.*}}) <{lhs_zero_point = 1 : i32, rhs_zero_point = 2 : i32, requantization = #sima<requantization tflite>, rounding = #sima<rounding tflite>, scale_correction = 3 : i32, shift = 4 : i32, zero_point_correction = 5 : i32, bias = 0 : i32}>
func.func @multiply(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b lhs_zero_point = 1 rhs_zero_point = 2 requantization = tflite
    rounding = tflite scale_correction = 3 shift = 4 zero_point_correction = 5
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_attributes(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.mul %[[A]], %[[B]] rhs_zero_point = 2 scale_correction = 1 shift = 3 : (
func.func @as_attributes(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "sima.mul"(%a, %b) {rhs_zero_point = 2 : i32, scale_correction = 1 : i32, shift = 3 : i32}
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_properties(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.mul %[[A]], %[[B]] rhs_zero_point = 2 scale_correction = 1 shift = 3 : (
func.func @as_properties(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "sima.mul"(%a, %b) <{rhs_zero_point = 2 : i32, scale_correction = 1 : i32, shift = 3 : i32}>
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}
