// Fails when a requantization constant changes in a round trip, or a default is printed.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 27307 shift = 15 bias = -163842 : (
// GENERIC: "sima.requantize"({{.*}}) <{scale_correction = 27307 : i32, shift = 15 : i32, bias = -163842 : i32, requantization = #sima<requantization sima>}>
func.func @shift(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 27307 shift = 15 bias = -163842
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @default_bias(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 1 shift = 0 : (
func.func @default_bias(%x: tensor<1x2xi16>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 : (tensor<1x2xi16>) -> tensor<1x2xui8>
  return
}

// CHECK: @multiply(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = tflite scale_correction = 1759218604 shift = 40 zero_point_correction = -5 : (
// GENERIC: "sima.requantize"({{.*}}) <{requantization = #sima<requantization tflite>, rounding = #sima<rounding tflite>, scale_correction = 1759218604 : i32, shift = 40 : i32, zero_point_correction = -5 : i32, bias = 0 : i32}>
func.func @multiply(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = 1759218604
    shift = 40 zero_point_correction = -5
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @per_channel(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = [3, 5] shift = [9, 8] : (
// GENERIC: "sima.requantize"({{.*}}) <{scale_correction = array<i32: 3, 5>, shift = array<i32: 9, 8>
func.func @per_channel(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = [3, 5] shift = [9, 8]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @clamp(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 1 shift = 0 clamp = [-128, 33] : (
// GENERIC: "sima.requantize"({{.*}}) <{scale_correction = 1 : i32, shift = 0 : i32, clamp = array<i32: -128, 33>
func.func @clamp(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 clamp = [-128, 33]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @upward(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = upward scale_correction = 1 shift = 0 zero_point_correction = 0 : (
func.func @upward(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = upward scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @away(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = away scale_correction = 1 shift = 0 zero_point_correction = 0 : (
func.func @away(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = away scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @ruy(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = ruy scale_correction = 1 shift = 0 zero_point_correction = 0 : (
func.func @ruy(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = ruy scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @float32(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = float32 scale_correction = 1 shift = 0 zero_point_correction = 0 : (
func.func @float32(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = float32 scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @tflite16(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] requantization = tflite rounding = tflite16 scale_correction = 1 shift = 0 zero_point_correction = 0 : (
func.func @tflite16(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite16 scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @default_requantization(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 1 shift = 0 : (
func.func @default_requantization(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = sima scale_correction = 1 shift = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 3 shift = [9, 8] : (
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "sima.requantize"(%x) {scale_correction = 3 : i32, shift = array<i32: 9, 8>}
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 3 shift = [9, 8] : (
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "sima.requantize"(%x) <{scale_correction = 3 : i32, shift = array<i32: 9, 8>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}
