// If this fails, an operation beside convolutions is lowered to other constants than it means.
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite}' | filecheck %s --check-prefix=TFLITE

// lhs and rhs count half and a quarter of an output step: 0.5 and 0.25 times 2^15 rounds to
// 16384 and 8192; the bias is 7 * 2^15 - 16384 * 3 - 8192 * (-4).
// CHECK-LABEL: @add
// CHECK: sima.add %{{.*}}, %{{.*}} lhs_scale = 16384 rhs_scale = 8192 bias = 212992 shift = 15
// TFLite brings both to twice the larger scale: 1/2 and 1/4 are 2^30 * 2^-31 and 2^30 * 2^-32;
// the sum is 2 * 0.5 / (2^20 * 1.0) = 2^-20, that is 2^30 * 2^-50.
// TFLITE-LABEL: @add
// TFLITE: sima.add %{{.*}}, %{{.*}} left_shift = 20 lhs_zero_point = 3 lhs_scale = 1073741824
// TFLITE-SAME: lhs_shift = 31 rhs_zero_point = -4 rhs_scale = 1073741824 rhs_shift = 32
// TFLITE-SAME: requantization = tflite rounding = tflite scale_correction = 1073741824 shift = 50
// TFLITE-SAME: zero_point_correction = 7
func.func @add(%a: tensor<1x4xi8>, %b: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = -4> output_q = <scale = 1.0, zero_point = 7> rounding = tflite : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// As @add, but for the sign of rhs: the bias is 7 * 2^15 - 16384 * 3 + 8192 * (-4).
// CHECK-LABEL: @subtract
// CHECK: sima.subtract %{{.*}}, %{{.*}} lhs_scale = 16384 rhs_scale = 8192 bias = 147456 shift = 15
// TFLITE-LABEL: @subtract
// TFLITE: sima.subtract %{{.*}}, %{{.*}} left_shift = 20 lhs_zero_point = 3 lhs_scale = 1073741824
// TFLITE-SAME: lhs_shift = 31 rhs_zero_point = -4 rhs_scale = 1073741824 rhs_shift = 32
// TFLITE-SAME: requantization = tflite rounding = tflite scale_correction = 1073741824 shift = 50
// TFLITE-SAME: zero_point_correction = 7
func.func @subtract(%a: tensor<1x4xi8>, %b: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.subtract %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = -4> output_q = <scale = 1.0, zero_point = 7> rounding = tflite : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// 0.75 is 24576 * 2^-15; the bias is 2 * 2^15 - 24576 * 3.
// CHECK-LABEL: @requantize
// CHECK: sima.requantize %{{.*}} scale_correction = 24576 shift = 15 bias = -8192
// TFLITE-LABEL: @requantize
// TFLITE: sima.requantize %{{.*}} requantization = tflite rounding = away
// TFLITE-SAME: scale_correction = 1610612736 shift = 31 zero_point_correction = 2 bias = -3
func.func @requantize(%x: tensor<1x4xui8>) -> tensor<1x4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.75, zero_point = 3> output_q = <scale = 1.0, zero_point = 2> rounding = away : (tensor<1x4xui8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// The mean of 4 codes: 0.5 / 4 is 32768 * 2^-18, one more than 15 bits hold, so 16384 * 2^-17;
// the bias is 1 * 2^17 - 16384 * 4 * (-6).
// CHECK-LABEL: @mean
// CHECK: sima.mean %{{.*}} axes = [1, 2] scale_correction = 16384 shift = 17 bias = 524288
// TFLITE-LABEL: @mean
// TFLITE: sima.mean %{{.*}} axes = [1, 2] requantization = tflite rounding = tflite
// TFLITE-SAME: scale_correction = 1073741824 shift = 33 zero_point_correction = 1 bias = 24
func.func @mean(%x: tensor<1x2x2x3xi8>) -> tensor<1x1x1x3xi8> {
  %0 = qnn.mean %x axes = [1, 2] input_q = <scale = 0.5, zero_point = -6> output_q = <scale = 1.0, zero_point = 1> rounding = tflite : (tensor<1x2x2x3xi8>) -> tensor<1x1x1x3xi8>
  func.return %0 : tensor<1x1x1x3xi8>
}

// -----

// CHECK-LABEL: @pools
// CHECK: sima.avg_pool %{{.*}} pool_size = [2, 2] strides = [2, 2] input_zero_point = 4
// CHECK: sima.avg_pool %{{.*}} pool_size = [3, 3] padding = [1, 1, 1, 1] input_zero_point = 4
// CHECK: sima.max_pool %{{.*}} pool_size = [3, 3] strides = [2, 2] padding = [1, 1, 1, 1]
func.func @pools(%x: tensor<1x4x4x1xi8>) -> (tensor<1x2x2x1xi8>, tensor<1x4x4x1xi8>, tensor<1x2x2x1xi8>) {
  %0 = qnn.avg_pool %x pool_size = [2, 2] strides = [2, 2] input_q = <scale = 0.5, zero_point = 4> output_q = <scale = 0.5, zero_point = 4> : (tensor<1x4x4x1xi8>) -> tensor<1x2x2x1xi8>
  %1 = qnn.avg_pool %x pool_size = [3, 3] padding = [1, 1, 1, 1] count_include_pad input_q = <scale = 0.5, zero_point = 4> output_q = <scale = 0.5, zero_point = 4> : (tensor<1x4x4x1xi8>) -> tensor<1x4x4x1xi8>
  %2 = qnn.max_pool %x pool_size = [3, 3] strides = [2, 2] padding = [1, 1, 1, 1] : (tensor<1x4x4x1xi8>) -> tensor<1x2x2x1xi8>
  func.return %0, %1, %2 : tensor<1x2x2x1xi8>, tensor<1x4x4x1xi8>, tensor<1x2x2x1xi8>
}

// -----

// 0.125 * 2^26 is 2^23, that is 2^30 * 2^24 / 2^31; a difference counts down to
// -(31 * 2^26 / 2^24).
// CHECK-LABEL: @softmax
// CHECK: sima.softmax %{{.*}} scale = 1073741824 left_shift = 24 least_difference = -124
func.func @softmax(%x: tensor<1x10xi8>) -> tensor<1x10xi8> {
  %0 = qnn.softmax %x input_q = <scale = 0.125, zero_point = 4> output_q = <scale = 0.00390625, zero_point = -128> : (tensor<1x10xi8>) -> tensor<1x10xi8>
  func.return %0 : tensor<1x10xi8>
}

// -----

// CHECK-LABEL: @edges
// CHECK: %[[Q:.*]] = sima.quantize %{{.*}} scale = 5.000000e-01 : f64 zero_point = 3 :
// CHECK: sima.quantize %{{.*}} ties_to_even
// CHECK: %[[R:.*]] = sima.reshape %[[Q]]
// CHECK: %[[C:.*]] = sima.clip %[[R]] min = 0 max = 9
// CHECK: sima.dequantize %[[C]] scale = 5.000000e-01 : f64 zero_point = 3
func.func @edges(%x: tensor<2x2xf32>) -> (tensor<4xf32>, tensor<2x2xi8>) {
  %0 = qnn.quantize %x output_q = <scale = 0.5, zero_point = 3> : (tensor<2x2xf32>) -> tensor<2x2xi8>
  %1 = qnn.quantize %x output_q = <scale = 0.5, zero_point = 3> rounding = float32 : (tensor<2x2xf32>) -> tensor<2x2xi8>
  %2 = qnn.reshape %0 : (tensor<2x2xi8>) -> tensor<4xi8>
  %3 = qnn.clip %2 min = 0 max = 9 : (tensor<4xi8>) -> tensor<4xi8>
  %4 = qnn.dequantize %3 input_q = <scale = 0.5, zero_point = 3> : (tensor<4xi8>) -> tensor<4xf32>
  func.return %4, %1 : tensor<4xf32>, tensor<2x2xi8>
}

// -----

// A function without a body has nothing to lower.
// CHECK-LABEL: @elsewhere
// TFLITE-LABEL: @elsewhere
func.func private @elsewhere(tensor<1xi8>) -> tensor<1xi8>
