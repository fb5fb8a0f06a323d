// Fails when a transposed convolution changes its meaning in being printed and read back: in either
// form, however it requantizes.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv_transpose %[[X]] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
// GENERIC: "sima.conv_transpose"({{.*}}) <{shift = 7 : i32, bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<1> : tensor<3x1x1x2xi8>, 
func.func @defaults(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// CHECK: @window(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv_transpose %[[X]] strides = [2, 4] padding = [1, 0, 0, 1] output_padding = [0, 1] input_zero_point = -128 shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x3x1x1x2xi8> : (
// GENERIC: "sima.conv_transpose"({{.*}}) <{strides = array<i64: 2, 4>, padding = array<i64: 1, 0, 0, 1>, output_padding = array<i64: 0, 1>, input_zero_point = -128 : i32, shift = array<i32: 9, 8>
func.func @window(%x: tensor<1x4x4x1xi8>) {
  %r = sima.conv_transpose %x strides = [2, 4] padding = [1, 0, 0, 1] output_padding = [0, 1]
    input_zero_point = -128 shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x3x1x1x2xi8>
    : (tensor<1x4x4x1xi8>) -> tensor<1x8x15x2xi8>
  return
}

// CHECK: @multiply(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv_transpose %[[X]] requantization = tflite rounding = tflite scale_correction = [1759218604, 1605286977] shift = [40, 39] zero_point_correction = -5 clamp = [-5, 33] bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x2x1xi8> : (
func.func @multiply(%x: tensor<1x4x2xi8>) {
  %r = sima.conv_transpose %x requantization = tflite rounding = tflite
    scale_correction = [1759218604, 1605286977] shift = [40, 39] zero_point_correction = -5
    clamp = [-5, 33] bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x2x1xi8>
    : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.conv_transpose %[[X]] strides = [2] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<1> : tensor<3x1x1x2xi8> : (
func.func @as_attributes(%x: tensor<1x4x1xi8>) {
  %r = "sima.conv_transpose"(%x) {strides = array<i64: 2>, shift = 7 : i32,
    bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<1> : tensor<3x1x1x2xi8>}
    : (tensor<1x4x1xi8>) -> tensor<1x9x2xi8>
  return
}
