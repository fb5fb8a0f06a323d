// Fails when a mean forgets its axes or a constant in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.mean %[[X]] axes = [1, 2] scale_correction = 21400 shift = 19 bias = -262144 : (
// GENERIC: "sima.mean"({{.*}}) <{axes = array<i64: 1, 2>, scale_correction = 21400 : i32, shift = 19 : i32, bias = -262144 : i32, requantization = #sima<requantization sima>}>
func.func @shift(%x: tensor<1x7x7x4xi8>) {
  %r = sima.mean %x axes = [1, 2] scale_correction = 21400 shift = 19 bias = -262144
    : (tensor<1x7x7x4xi8>) -> tensor<1x1x1x4xi8>
  return
}

// CHECK: @multiply(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.mean %[[X]] axes = [1] requantization = tflite rounding = tflite scale_correction = [3, 5] shift = 31 zero_point_correction = 4 clamp = [0, 6] : (
func.func @multiply(%x: tensor<1x7x2xi8>) {
  %r = sima.mean %x axes = [1] requantization = tflite rounding = tflite scale_correction = [3, 5]
    shift = 31 zero_point_correction = 4 clamp = [0, 6]
    : (tensor<1x7x2xi8>) -> tensor<1x1x2xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.mean %[[X]] axes = [1] scale_correction = 1 shift = 0 : (
func.func @as_attributes(%x: tensor<1x7x4xi8>) {
  %r = "sima.mean"(%x) {axes = array<i64: 1>, scale_correction = 1 : i32, shift = 0 : i32}
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.mean %[[X]] axes = [1] scale_correction = 1 shift = 0 : (
func.func @as_properties(%x: tensor<1x7x4xi8>) {
  %r = "sima.mean"(%x) <{axes = array<i64: 1>, scale_correction = 1 : i32, shift = 0 : i32}>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}
