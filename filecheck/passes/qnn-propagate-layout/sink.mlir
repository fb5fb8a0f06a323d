// If this fails, a transpose does not meet its inverse, or passes an operation that then works on
// other axes.
// RUN: sima-opt %s --split-input-file -p qnn-propagate-layout | filecheck %s

// Each number of an axis moves with its axis: C H W becomes H W C.
// CHECK-LABEL: @cancel
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x4x6xi8>, %[[Y:.*]]: tensor<1x2x4x6xi8>)
// CHECK-NEXT: %[[ADD:.*]] = qnn.add %[[X]], %[[Y]]
// CHECK-NEXT: %[[PAD:.*]] = qnn.pad %[[ADD]] padding = [0, 2, 3, 1, 0, 5, 6, 4] value = 9 : (tensor<1x2x4x6xi8>) -> tensor<1x9x13x11xi8>
// CHECK-NEXT: %[[S:.*]] = qnn.slice %[[PAD]] starts = [0, 2, 3, 1] strides = [1, 1, 2, 1] : (tensor<1x9x13x11xi8>) -> tensor<1x2x4x6xi8>
// CHECK-NEXT: %[[M:.*]] = qnn.mean %[[S]] axes = [1, 2] {{.*}}-> tensor<1x1x1x6xi8>
// CHECK-NEXT: %[[C:.*]] = qnn.concatenate %[[M]], %[[M]] axis = 3
// CHECK-NEXT: return %[[C]]
func.func @cancel(%x: tensor<1x2x4x6xi8>, %y: tensor<1x2x4x6xi8>) -> tensor<1x1x1x12xi8> {
  %0 = qnn.transpose %x permutation = [0, 3, 1, 2] : (tensor<1x2x4x6xi8>) -> tensor<1x6x2x4xi8>
  %1 = qnn.transpose %y permutation = [0, 3, 1, 2] : (tensor<1x2x4x6xi8>) -> tensor<1x6x2x4xi8>
  %2 = qnn.add %0, %1 lhs_q = <scale = 0.5, zero_point = 0> rhs_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<1x6x2x4xi8>, tensor<1x6x2x4xi8>) -> tensor<1x6x2x4xi8>
  %3 = qnn.pad %2 padding = [0, 1, 2, 3, 0, 4, 5, 6] value = 9 : (tensor<1x6x2x4xi8>) -> tensor<1x11x9x13xi8>
  %4 = qnn.slice %3 starts = [0, 1, 2, 3] strides = [1, 1, 1, 2] : (tensor<1x11x9x13xi8>) -> tensor<1x6x2x4xi8>
  %5 = qnn.mean %4 axes = [2, 3] input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<1x6x2x4xi8>) -> tensor<1x6x1x1xi8>
  %6 = qnn.concatenate %5, %5 axis = 1 input_qs = [#qnn.quantization<scale = 1.0, zero_point = 0>, #qnn.quantization<scale = 1.0, zero_point = 0>] output_q = <scale = 1.0, zero_point = 0> : (tensor<1x6x1x1xi8>, tensor<1x6x1x1xi8>) -> tensor<1x12x1x1xi8>
  %7 = qnn.transpose %6 permutation = [0, 2, 3, 1] : (tensor<1x12x1x1xi8>) -> tensor<1x1x1x12xi8>
  func.return %7 : tensor<1x1x1x12xi8>
}

// -----

// A constant is transposed the other way round.
// CHECK-LABEL: @constant
// CHECK: %[[K:.*]] = arith.constant
// CHECK-NEXT: %[[T:.*]] = qnn.transpose %[[K]] permutation = [0, 2, 1] : (tensor<1x3x2xi8>) -> tensor<1x2x3xi8>
// CHECK-NEXT: %[[M:.*]] = qnn.mul %{{.*}}, %[[T]]
// CHECK-NEXT: qnn.transpose %[[M]] permutation = [0, 2, 1]
func.func @constant(%x: tensor<1x2x3xi8>) -> tensor<1x3x2xi8> {
  %0 = qnn.transpose %x permutation = [0, 2, 1] : (tensor<1x2x3xi8>) -> tensor<1x3x2xi8>
  %1 = arith.constant dense<3> : tensor<1x3x2xi8>
  %2 = qnn.mul %0, %1 lhs_q = <scale = 0.5, zero_point = 0> rhs_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<1x3x2xi8>, tensor<1x3x2xi8>) -> tensor<1x3x2xi8>
  func.return %2 : tensor<1x3x2xi8>
}

// -----

// Axes of size 1 may move without an element changing its place.
// CHECK-LABEL: @reshape
// CHECK-NEXT: %[[R:.*]] = qnn.reshape %{{.*}} : (tensor<1x1x4x6xi8>) -> tensor<24xi8>
// CHECK-NEXT: return %[[R]]
func.func @reshape(%x: tensor<1x1x4x6xi8>) -> tensor<24xi8> {
  %0 = qnn.transpose %x permutation = [0, 2, 1, 3] : (tensor<1x1x4x6xi8>) -> tensor<1x4x1x6xi8>
  %1 = qnn.reshape %0 : (tensor<1x4x1x6xi8>) -> tensor<1x4x1x6xi8>
  %2 = qnn.reshape %1 : (tensor<1x4x1x6xi8>) -> tensor<24xi8>
  func.return %2 : tensor<24xi8>
}

// -----

// Scales of channels that stay the last axis.
// CHECK-LABEL: @channels
// CHECK-NEXT: %[[R:.*]] = qnn.requantize %{{.*}} : (tensor<2x3x2xi8>) -> tensor<2x3x2xi8>
// CHECK-NEXT: qnn.transpose %[[R]] permutation = [1, 0, 2]
func.func @channels(%x: tensor<2x3x2xi8>) -> tensor<3x2x2xi8> {
  %0 = qnn.transpose %x permutation = [1, 0, 2] : (tensor<2x3x2xi8>) -> tensor<3x2x2xi8>
  %1 = qnn.requantize %0 input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<3x2x2xi8>) -> tensor<3x2x2xi8>
  func.return %1 : tensor<3x2x2xi8>
}
