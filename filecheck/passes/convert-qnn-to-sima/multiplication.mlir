// If this fails, an operation whose scale a shift cannot take is refused or rounded off: it must be
// requantized by an integer multiplication instead, as its source says, and somebody must learn why.
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t

// REMARK: remark: [Missed] 'qnn.dense' op does not fold into a shift: scale ratio 1.5 times weight 127 does not fit 8 bits (channel 0)
// CHECK-LABEL: @ratio_above_one
// CHECK: sima.dense %{{.*}} requantization = tflite rounding = ruy scale_correction = 1610612736 shift = 30 zero_point_correction = 0
// CHECK-SAME: weight = dense<127>
func.func @ratio_above_one(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.5> output_q = <scale = 1.0> rounding = ruy : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// REMARK: remark: [Missed] 'qnn.add' op does not fold into a shift: ratio of scales must be less than 32767.5, got 100000
// CHECK-LABEL: @add
// CHECK: sima.add {{.*}} requantization = tflite rounding = upward
func.func @add(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 0.00001> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// REMARK: remark: [Missed] 'qnn.requantize' op does not fold into a shift: a shift alone takes one scale of 8- or 16-bit codes, its operand has 2 of i32
// CHECK-LABEL: @accumulators
// CHECK: sima.requantize %{{.*}} requantization = tflite rounding = upward scale_correction = [1073741824, 1073741824] shift = [31, 32]
func.func @accumulators(%x: tensor<1x2xi32>) -> tensor<1x2xi8> {
  %0 = qnn.requantize %x input_q = <scale = [0.5, 0.25]> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// REMARK: remark: [Missed] 'qnn.mean' op does not fold into a shift: scale {{[0-9]+}} * 2**-{{[0-9]+}} must be right to half an output step, got
// CHECK-LABEL: @wide_mean
// CHECK: sima.mean %{{.*}} requantization = tflite
func.func @wide_mean(%x: tensor<1x2304x1xi16>) -> tensor<1x1x1xi16> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 0.7> output_q = <scale = 0.5> : (tensor<1x2304x1xi16>) -> tensor<1x1x1xi16>
  func.return %0 : tensor<1x1x1xi16>
}

// -----

// REMARK: remark: [Analysis] 'qnn.dense' op every folded weight is 0, its scale is so small
// CHECK-LABEL: @dead
// CHECK: sima.dense %{{.*}} shift = 22 bias = dense<-536870912> : tensor<1xi32> weight = dense<0>
func.func @dead(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<100> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w input_zero_point = -128 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.5e-11> output_q = <scale = 1.0, zero_point = -128> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// Twice the bias leaves 32 bits, the bias itself does not.
// REMARK: remark: [Missed] 'qnn.dense' op does not fold into a shift: accumulator does not fit 32 bits at shift 0, with scale ratio 2 (channel 0)
// CHECK-LABEL: @large_bias
// CHECK: sima.dense %{{.*}} requantization = tflite rounding = upward scale_correction = 1073741824 shift = 29
func.func @large_bias(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1xi8>
  %b = arith.constant dense<1200000000> : tensor<1xi32>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 2.0> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}

// -----

// Large operands may cancel, so each must be right by itself.
// REMARK: remark: [Missed] 'qnn.add' op does not fold into a shift: its scales must be right to half an output step, got
// CHECK-LABEL: @cancelling
// CHECK: sima.add {{.*}} requantization = tflite rounding = tflite
func.func @cancelling(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 1000.015> rhs_q = <scale = 999.986> output_q = <scale = 1.0> rounding = tflite : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// 2^22 codes of up to 128 are 2^29, and the scale is 4 output steps for each: 2^31.
// REMARK: remark: [Missed] 'qnn.mean' op does not fold into a shift: accumulator of 4194304 codes must fit 32 bits
// CHECK-LABEL: @long_mean
// CHECK: sima.mean %{{.*}} requantization = tflite
func.func @long_mean(%x: tensor<1x4194304x1xi8>) -> tensor<1x1x1xi8> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 16777216.0> output_q = <scale = 1.0> : (tensor<1x4194304x1xi8>) -> tensor<1x1x1xi8>
  func.return %0 : tensor<1x1x1xi8>
}

// -----

// REMARK: remark: [Missed] 'qnn.mul' op does not fold into a shift: ratio of scales must be less than 32767.5, got 100000
// CHECK-LABEL: @mul
// CHECK: sima.mul {{.*}} requantization = tflite rounding = upward
func.func @mul(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 100000.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}
