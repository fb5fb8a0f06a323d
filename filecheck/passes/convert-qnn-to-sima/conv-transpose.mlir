// If this fails, transposed convolutions do not fuse with what follows them, or lose their window.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest certify=true}' | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite certify=true}' | filecheck %s --check-prefix=TFLITE

// Every tap is in the bias with the zero point, also where it meets no code: -128 * 2**10 + 128 * 9 * 75.
// CHECK-LABEL: @folded
// CHECK: sima.conv_transpose %{{.*}} strides = [2, 2] padding = [1, 1, 0, 0] output_padding = [0, 1] input_zero_point = -128 shift = 10 certificate = <max_error = 0,
// CHECK-SAME: output_padding = array<i64: 0, 1>
// CHECK-SAME: bias = dense<-44672> : tensor<1xi32> weight = dense<75> : tensor<3x3x1x1x1xi8>
// TFLITE-LABEL: @folded
// TFLITE: sima.conv_transpose %{{.*}} strides = [2, 2] padding = [1, 1, 0, 0] output_padding = [0, 1] input_zero_point = -128 requantization = tflite rounding = upward
// TFLITE-SAME: zero_point_correction = -128 certificate = <max_error = 0,
// TFLITE-SAME: bias = dense<115200> : tensor<1xi32> weight = dense<100> : tensor<3x3x1x1x1xi8>
func.func @folded(%x: tensor<1x3x3x1xi8>) -> tensor<1x6x7x1xi8> {
  %w = arith.constant dense<100> : tensor<3x3x1x1x1xi8>
  %0 = qnn.conv_transpose %x, %w strides = [2, 2] padding = [1, 1, 0, 0] output_padding = [0, 1] input_zero_point = -128 : (tensor<1x3x3x1xi8>, tensor<3x3x1x1x1xi8>) -> tensor<1x6x7x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.000732421875> output_q = <scale = 1.0, zero_point = -128> : (tensor<1x6x7x1xi32>) -> tensor<1x6x7x1xi8>
  func.return %1 : tensor<1x6x7x1xi8>
}

// -----

// A bias and a clip become part of it; a depthwise one has a stride of at most 2.
// CHECK-LABEL: @depthwise
// CHECK-NOT: qnn
// CHECK: sima.conv_transpose %{{.*}} strides = [2] shift = 1 clamp = [0, 6]
// CHECK-SAME: bias = dense<[3, 5]> : tensor<2xi32> weight = dense<1> : tensor<3x1x2x1xi8>
// CHECK-NOT: qnn
func.func @depthwise(%x: tensor<1x2x2xi8>) -> tensor<1x5x2xi8> {
  %w = arith.constant dense<1> : tensor<3x1x2x1xi8>
  %b = arith.constant dense<[3, 5]> : tensor<2xi32>
  %0 = qnn.conv_transpose %x, %w strides = [2] : (tensor<1x2x2xi8>, tensor<3x1x2x1xi8>) -> tensor<1x5x2xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x5x2xi32>, tensor<2xi32>) -> tensor<1x5x2xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x5x2xi32>) -> tensor<1x5x2xi8>
  %3 = qnn.clip %2 min = 0 max = 6 : (tensor<1x5x2xi8>) -> tensor<1x5x2xi8>
  func.return %3 : tensor<1x5x2xi8>
}

// -----

// A pad before it is not its own padding, which cuts off.
// CHECK-LABEL: @pad
// CHECK: sima.pad
// CHECK: sima.conv_transpose %{{.*}} strides = [16] shift = 1
func.func @pad(%x: tensor<1x2x1xi8>) -> tensor<1x49x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %p = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = 0 : (tensor<1x2x1xi8>) -> tensor<1x4x1xi8>
  %0 = qnn.conv_transpose %p, %w strides = [16] : (tensor<1x4x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x49x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x49x1xi32>) -> tensor<1x49x1xi8>
  func.return %1 : tensor<1x49x1xi8>
}
