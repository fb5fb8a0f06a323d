// If this fails, convolutions do not fuse with what surrounds them.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' | filecheck %s

// The worked example of a padded convolution whose input's zero point is not 0.
// CHECK-LABEL: @padded
// CHECK: sima.conv %{{.*}} padding = [1, 1, 1, 1] input_zero_point = -128 shift = 10
// CHECK-SAME: bias = dense<-44672> : tensor<1xi32> weight = dense<75> : tensor<3x3x1x1x1xi8>
func.func @padded(%x: tensor<1x3x3x1xi8>) -> tensor<1x3x3x1xi8> {
  %w = arith.constant dense<100> : tensor<3x3x1x1x1xi8>
  %0 = qnn.conv %x, %w padding = [1, 1, 1, 1] input_zero_point = -128 : (tensor<1x3x3x1xi8>, tensor<3x3x1x1x1xi8>) -> tensor<1x3x3x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.000732421875> output_q = <scale = 1.0, zero_point = -128> : (tensor<1x3x3x1xi32>) -> tensor<1x3x3x1xi8>
  func.return %1 : tensor<1x3x3x1xi8>
}

// -----

// A pad with the input's zero point becomes padding of the convolution, beside its own.
// CHECK-LABEL: @pad
// CHECK-NOT: sima.pad
// CHECK: sima.conv %{{.*}} strides = [2, 2] padding = [1, 0, 2, 1] input_zero_point = 5
func.func @pad(%x: tensor<1x4x4x1xi8>) -> tensor<1x3x2x1xi8> {
  %w = arith.constant dense<1> : tensor<2x2x1x1x1xi8>
  %p = qnn.pad %x padding = [0, 1, 0, 0, 0, 1, 0, 0] value = 5 : (tensor<1x4x4x1xi8>) -> tensor<1x6x4x1xi8>
  %0 = qnn.conv %p, %w strides = [2, 2] padding = [0, 0, 1, 1] input_zero_point = 5 : (tensor<1x6x4x1xi8>, tensor<2x2x1x1x1xi8>) -> tensor<1x3x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x3x2x1xi32>) -> tensor<1x3x2x1xi8>
  func.return %1 : tensor<1x3x2x1xi8>
}

// -----

// A pad with another value stays a pad.
// CHECK-LABEL: @other_pad
// CHECK: sima.pad %{{.*}} padding = [0, 1, 0, 0, 1, 0] value = 0
// CHECK: sima.conv %{{.*}} input_zero_point = 5
func.func @other_pad(%x: tensor<1x4x1xi8>) -> tensor<1x6x1xi8> {
  %v = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %p = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = 0 : (tensor<1x4x1xi8>) -> tensor<1x6x1xi8>
  %0 = qnn.conv %p, %v input_zero_point = 5 : (tensor<1x6x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x6x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x6x1xi32>) -> tensor<1x6x1xi8>
  func.return %1 : tensor<1x6x1xi8>
}

// -----

// The addition of a constant that is the same at every position is a bias, on either side.
// CHECK-LABEL: @addi
// CHECK: sima.conv %{{.*}} bias = dense<[3, 5]> : tensor<2xi32>
// CHECK: sima.conv %{{.*}} bias = dense<5> : tensor<2xi32>
func.func @addi(%x: tensor<1x2x1xi8>) -> (tensor<1x2x2xi8>, tensor<1x2x2xi8>) {
  %w = arith.constant dense<1> : tensor<1x1x1x2xi8>
  %b = arith.constant dense<[[[3, 5], [3, 5]]]> : tensor<1x2x2xi32>
  %c = arith.constant dense<5> : tensor<1x2x2xi32>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x2xi8>) -> tensor<1x2x2xi32>
  %1 = arith.addi %0, %b : tensor<1x2x2xi32>
  %2 = qnn.requantize %1 input_q = <scale = 1.0> output_q = <scale = 1.0> : (tensor<1x2x2xi32>) -> tensor<1x2x2xi8>
  %3 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x2xi8>) -> tensor<1x2x2xi32>
  %4 = arith.addi %c, %3 : tensor<1x2x2xi32>
  %5 = qnn.requantize %4 input_q = <scale = 1.0> output_q = <scale = 1.0> : (tensor<1x2x2xi32>) -> tensor<1x2x2xi8>
  func.return %2, %5 : tensor<1x2x2xi8>, tensor<1x2x2xi8>
}

// -----

// A weight with zero point 128 is brought to int8; its other users keep it.
// CHECK-LABEL: @kernel_zero_point
// CHECK: %[[W:.*]] = arith.constant dense<130> : tensor<1x1x1x1xui8>
// CHECK: sima.conv %{{.*}} weight = dense<2> : tensor<1x1x1x1xi8>
// CHECK: func.return %{{.*}}, %[[W]]
func.func @kernel_zero_point(%x: tensor<1x2x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x1x1x1xui8>) {
  %w = arith.constant dense<130> : tensor<1x1x1x1xui8>
  %0 = qnn.conv %x, %w kernel_zero_point = 128 : (tensor<1x2x1xi8>, tensor<1x1x1x1xui8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %1, %w : tensor<1x2x1xi8>, tensor<1x1x1x1xui8>
}

// -----

// Clips narrow the clamp of the operation before them.
// CHECK-LABEL: @clip
// CHECK: sima.conv %{{.*}} clamp = [0, 20]
// CHECK-NEXT: return
func.func @clip(%x: tensor<1x2x1xi8>) -> tensor<1x2x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  %2 = qnn.clip %1 min = 0 max = 100 : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  %3 = qnn.clip %2 min = -128 max = 20 : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  func.return %3 : tensor<1x2x1xi8>
}

// -----

// A clip of a result that others use too stays an operation of its own.
// CHECK-LABEL: @shared_clip
// CHECK: %[[R:.*]] = sima.conv
// CHECK-NOT: clamp
// CHECK: %[[C:.*]] = sima.clip %[[R]] min = 0 max = 100
// CHECK: return %[[R]], %[[C]]
func.func @shared_clip(%x: tensor<1x2x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x2x1xi8>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  %2 = qnn.clip %1 min = 0 max = 100 : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  func.return %1, %2 : tensor<1x2x1xi8>, tensor<1x2x1xi8>
}
