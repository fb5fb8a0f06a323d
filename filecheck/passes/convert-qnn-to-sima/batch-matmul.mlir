// If this fails, a product of two tensors does not become one operation with both zero points, or
// a clip after it is not its clamp, or a shift is taken that is not right to half an output step.
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite}' | filecheck %s --check-prefix=TFLITE

// 0.01 / 3 = 13981 * 2^-22, to 15 bits, and the zero point is 4 * 2^22.
// CHECK-LABEL: @clipped(
// CHECK-NEXT: sima.batch_matmul %{{.*}}, %{{.*}} transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7 scale_correction = 13981 shift = 22 clamp = [0, 100] bias = 16777216 :
// CHECK-NEXT: return
// TFLITE-LABEL: @clipped(
// TFLITE: sima.batch_matmul {{.*}} transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7 requantization = tflite rounding = ruy scale_correction = {{[0-9]+}} shift = 39 zero_point_correction = 4 clamp = [0, 100] : (tensor<2x4x2xi8>
func.func @clipped(%a: tensor<2x4x2xi8>, %b: tensor<2x5x2xi8>) -> tensor<2x4x5xi8> {
  %0 = qnn.batch_matmul %a, %b transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7 : (tensor<2x4x2xi8>, tensor<2x5x2xi8>) -> tensor<2x4x5xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.01> output_q = <scale = 3.0, zero_point = 4> rounding = ruy : (tensor<2x4x5xi32>) -> tensor<2x4x5xi8>
  %2 = qnn.clip %1 min = 0 max = 100 : (tensor<2x4x5xi8>) -> tensor<2x4x5xi8>
  func.return %2 : tensor<2x4x5xi8>
}

// -----

// The zero point of the accumulators is subtracted: 6 * 2^14 from 0, or 6 from the sum.
// CHECK-LABEL: @zero_point(
// CHECK: sima.batch_matmul %{{.*}}, %{{.*}} scale_correction = 16384 shift = 17 bias = -98304 :
// TFLITE-LABEL: @zero_point(
// TFLITE: zero_point_correction = 0 bias = -6 :
func.func @zero_point(%a: tensor<1x2xi8>, %b: tensor<2x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xi8>, tensor<2x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.0, zero_point = 6> output_q = <scale = 8.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// A sum of 512 products needs 25 bits, so that 6 are left for the scale.
// REMARK: remark: [Missed] 'qnn.batch_matmul' op does not fold into a shift: scale {{[0-9]+}} * 2**-{{[0-9]+}} must be right to half an output step, got
// CHECK-LABEL: @long(
// CHECK: sima.batch_matmul {{.*}} requantization = tflite rounding = upward
// TFLITE-LABEL: @long(
func.func @long(%a: tensor<1x512xi8>, %b: tensor<512x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b lhs_zero_point = -128 rhs_zero_point = -128 : (tensor<1x512xi8>, tensor<512x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.0051> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// REMARK: remark: [Missed] 'qnn.batch_matmul' op does not fold into a shift: a shift alone takes one scale, it has 2
// CHECK-LABEL: @channels(
// CHECK: sima.batch_matmul {{.*}} requantization = tflite rounding = upward scale_correction = [1073741824, 1073741824] shift = [31, 32]
// TFLITE-LABEL: @channels(
func.func @channels(%a: tensor<1x2xi8>, %b: tensor<2x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = [0.5, 0.25]> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}
