// Fails when a difference mixes up the constants of its operands, or loses one.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.subtract %[[A]], %[[B]] lhs_scale = 21845 rhs_scale = 10923 bias = -98303 shift = 15 : (
// GENERIC: "sima.subtract"({{.*}}) <{lhs_scale = 21845 : i32, rhs_scale = 10923 : i32, bias = -98303 : i32, shift = 15 : i32, requantization = #sima<requantization sima>}>
func.func @shift(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 21845 rhs_scale = 10923 bias = -98303 shift = 15
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @default_bias(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.subtract %[[A]], %[[B]] lhs_scale = 1 rhs_scale = 2 shift = 0 clamp = [0, 6] : (
func.func @default_bias(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 1 rhs_scale = 2 shift = 0 clamp = [0, 6]
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @multiply(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.subtract %[[A]], %[[B]] left_shift = 20 lhs_zero_point = 1 lhs_scale = 2 lhs_shift = 3 rhs_zero_point = 4 rhs_scale = 5 rhs_shift = 6 requantization = tflite rounding = tflite scale_correction = 7 shift = 8 zero_point_correction = 9 : (
// GENERIC: "sima.subtract"({{.*}}) <{left_shift = 20 : i32, lhs_zero_point = 1 : i32, lhs_scale = 2 : i32, lhs_shift = 3 : i32, rhs_zero_point = 4 : i32, rhs_scale = 5 : i32, rhs_shift = 6 : i32
func.func @multiply(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b left_shift = 20 lhs_zero_point = 1 lhs_scale = 2 lhs_shift = 3
    rhs_zero_point = 4 rhs_scale = 5 rhs_shift = 6 requantization = tflite rounding = tflite
    scale_correction = 7 shift = 8 zero_point_correction = 9
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_attributes(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.subtract %[[A]], %[[B]] lhs_scale = 1 rhs_scale = 2 shift = 3 : (
func.func @as_attributes(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "sima.subtract"(%a, %b) {lhs_scale = 1 : i32, rhs_scale = 2 : i32, shift = 3 : i32}
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_properties(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: sima.subtract %[[A]], %[[B]] lhs_scale = 1 rhs_scale = 2 shift = 3 : (
func.func @as_properties(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "sima.subtract"(%a, %b) <{lhs_scale = 1 : i32, rhs_scale = 2 : i32, shift = 3 : i32}>
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}
