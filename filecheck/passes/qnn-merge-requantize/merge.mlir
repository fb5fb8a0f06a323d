// If this fails, two requantizations that one can do are left, or one is made of two that it does
// not equal.
// RUN: sima-opt %s --split-input-file -p qnn-merge-requantize | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'qnn-merge-requantize{max-error=1}' | filecheck %s --check-prefix=ONE

// The second only moves the zero point by 128, and the codes with it.
// CHECK-LABEL: @zero_point
// CHECK-NEXT: %[[R:.*]] = qnn.requantize %{{.*}} input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 1.0, zero_point = -118> rounding = tflite : (tensor<1x2xi32>) -> tensor<1x2xi8>
// CHECK-NEXT: return %[[R]]
func.func @zero_point(%x: tensor<1x2xi32>) -> tensor<1x2xi8> {
  %0 = qnn.requantize %x input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 1.0, zero_point = 10> rounding = tflite : (tensor<1x2xi32>) -> tensor<1x2xui8>
  %1 = qnn.requantize %0 input_q = <scale = 1.0, zero_point = 10> output_q = <scale = 1.0, zero_point = -118> rounding = upward : (tensor<1x2xui8>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}

// -----

// Halves, of halves: 4.5 / 2 becomes 5 / 2, and then 3 where a quarter of 9 is 2.
// CHECK-LABEL: @twice
// CHECK-COUNT-2: qnn.requantize
// ONE-LABEL: @twice
// ONE-NEXT: qnn.requantize %{{.*}} input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 4.0, zero_point = 0> rounding = away
// ONE-NEXT: return
func.func @twice(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> rounding = away : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 2.0, zero_point = 0> output_q = <scale = 4.0, zero_point = 0> rounding = away : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}

// -----

// Through moves, whose codes are requantized too. Doubling codes and halving them gives them back,
// less those that are saturated in between: 64..127 become 63.
// CHECK-LABEL: @moves
// CHECK-COUNT-2: qnn.requantize
// CHECK: qnn.requantize %{{.*}} input_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = -28> : (tensor<4xi32>) -> tensor<4xi8>
// CHECK-NEXT: qnn.pad %{{.*}} padding = [1, 1] value = -121 : (tensor<4xi8>) -> tensor<6xi8>
// CHECK-NEXT: qnn.reshape %{{.*}} : (tensor<6xi8>) -> tensor<2x3xi8>
// CHECK-NEXT: return
func.func @moves(%x: tensor<4xi8>, %y: tensor<4xi32>) -> (tensor<4xi8>, tensor<2x3xi8>) {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 0.5, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  %2 = qnn.requantize %y input_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 100> : (tensor<4xi32>) -> tensor<4xui8>
  %3 = qnn.pad %2 padding = [1, 1] value = 7 : (tensor<4xui8>) -> tensor<6xui8>
  %4 = qnn.reshape %3 : (tensor<6xui8>) -> tensor<2x3xui8>
  %5 = qnn.requantize %4 input_q = <scale = 1.0, zero_point = 100> output_q = <scale = 1.0, zero_point = -28> : (tensor<2x3xui8>) -> tensor<2x3xi8>
  func.return %1, %5 : tensor<4xi8>, tensor<2x3xi8>
}

// -----

// CHECK-LABEL: @nothing
// CHECK-SAME: (%[[X:.*]]: tensor<4xi8>)
// CHECK-NEXT: return %[[X]]
func.func @nothing(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.3, zero_point = 4> output_q = <scale = 0.3, zero_point = 4> : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}
