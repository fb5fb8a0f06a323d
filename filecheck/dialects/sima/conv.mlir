// Fails when a convolution changes its meaning in being printed and read back: in either form, for
// any number of spatial axes, however its properties are spelt and its weights are stored.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
// GENERIC: "sima.conv"({{.*}}) <{shift = 7 : i32, bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<1> : tensor<3x1x1x2xi8>, 
func.func @defaults(%x: tensor<1x8x1xi8>) {
  %r = sima.conv %x shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x8x1xi8>) -> tensor<1x6x2xi8>
  return
}

// CHECK: @one_axis(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] strides = [2] padding = [1, 0] dilations = [3] input_zero_point = -128 shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
// GENERIC: "sima.conv"({{.*}}) <{strides = array<i64: 2>, padding = array<i64: 1, 0>, dilations = array<i64: 3>, input_zero_point = -128 : i32, shift = array<i32: 9, 8>
func.func @one_axis(%x: tensor<1x8x1xi8>) {
  %r = sima.conv %x strides = [2] padding = [1, 0] dilations = [3] input_zero_point = -128
    shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x8x1xi8>) -> tensor<1x2x2xi8>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] padding = [1, 0, 1, 0] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x1x2xi8> : (
func.func @two_axes(%x: tensor<1x4x4x1xi8>) {
  %r = sima.conv %x padding = [1, 0, 1, 0] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x1x2xi8>
    : (tensor<1x4x4x1xi8>) -> tensor<1x4x4x2xi8>
  return
}

// CHECK: @three_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] strides = [1, 2, 4] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<1x1x1x1x1x2xi8> : (
func.func @three_axes(%x: tensor<1x4x4x4x1xi8>) {
  %r = sima.conv %x strides = [1, 2, 4] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<1x1x1x1x1x2xi8>
    : (tensor<1x4x4x4x1xi8>) -> tensor<1x4x2x1x2xi8>
  return
}

// CHECK: @groups(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<1x3x2x1xi8> : (
func.func @groups(%x: tensor<1x4x6xi16>) {
  %r = sima.conv %x shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<1x3x2x1xi8>
    : (tensor<1x4x6xi16>) -> tensor<1x4x2xi16>
  return
}

// CHECK: @multiply(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] requantization = tflite rounding = tflite scale_correction = [1759218604, 1605286977] shift = [40, 39] zero_point_correction = -5 clamp = [-5, 33] bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
// GENERIC: "sima.conv"({{.*}}) <{requantization = #sima<requantization tflite>, rounding = #sima<rounding tflite>, scale_correction = array<i32: 1759218604, 1605286977>, shift = array<i32: 40, 39>, zero_point_correction = -5 : i32, clamp = array<i32: -5, 33>
func.func @multiply(%x: tensor<1x8x1xi8>) {
  %r = sima.conv %x requantization = tflite rounding = tflite
    scale_correction = [1759218604, 1605286977] shift = [40, 39] zero_point_correction = -5
    clamp = [-5, 33] bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x8x1xi8>) -> tensor<1x6x2xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] strides = [2] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
func.func @as_attributes(%x: tensor<1x8x1xi8>) {
  %r = "sima.conv"(%x) {strides = array<i64: 2>, shift = 7 : i32,
    bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<1> : tensor<3x1x1x2xi8>}
    : (tensor<1x8x1xi8>) -> tensor<1x3x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv %[[X]] strides = [2] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
func.func @as_properties(%x: tensor<1x8x1xi8>) {
  %r = "sima.conv"(%x) <{strides = array<i64: 2>, shift = 7 : i32,
    bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<1> : tensor<3x1x1x2xi8>}>
    : (tensor<1x8x1xi8>) -> tensor<1x3x2xi8>
  return
}
