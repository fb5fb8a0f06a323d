// If this fails, something that must not be fused is, or nobody learns why it is not: each guard
// of the lowering gives its own reason here.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' 2>&1 | filecheck %s

// CHECK: no-match.mlir:9:8: remark: [Missed] 'qnn.conv' op left in qnn: the result of 'qnn.conv' has 2 users, fusing takes one; give each user a copy of it
// CHECK: no-match.mlir:10:8: remark: [Missed] 'qnn.requantize' op left in qnn: it ends a 'qnn.conv' that is not lowered
func.func @two_users(%x: tensor<1x2x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x2x1xi32>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %1, %0 : tensor<1x2x1xi8>, tensor<1x2x1xi32>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its weight is not a constant
func.func @weight_operand(%x: tensor<1x2xi8>, %w: tensor<3x2xi8>) -> tensor<1x3xi8> {
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x3xi32>) -> tensor<1x3xi8>
  func.return %1 : tensor<1x3xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its bias is not a constant
func.func @bias_operand(%x: tensor<1x2xi8>, %b: tensor<3xi32>) -> tensor<1x3xi8> {
  %w = arith.constant dense<1> : tensor<3x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x3xi32>, tensor<3xi32>) -> tensor<1x3xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x3xi32>) -> tensor<1x3xi8>
  func.return %2 : tensor<1x3xi8>
}

// -----

// CHECK: 'qnn.conv' op left in qnn: its bias is not the same at every position
func.func @uneven_bias(%x: tensor<1x2x1xi8>) -> tensor<1x2x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %b = arith.constant dense<[[[3], [4]]]> : tensor<1x2x1xi32>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = arith.addi %0, %b : tensor<1x2x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %2 : tensor<1x2x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its weight minus kernel_zero_point -100 does not fit 8 bits, got 220
func.func @kernel_zero_point(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[-10, 120]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w kernel_zero_point = -100 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its operand has zero point 3, but input_zero_point is 4
func.func @zero_point_mismatch(%x: tensor<1x2xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 3>}) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %c = qnn.clip %x min = 3 max = 127 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %0 = qnn.dense %c, %w input_zero_point = 4 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.add' op left in qnn: its operand is encoded with #qnn.quantization<scale = 0.25, zero_point = 0>, but rhs_q is #qnn.quantization<scale = 0.5, zero_point = 0>
func.func @scale_mismatch(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %1 = qnn.add %x, %0 lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its operand holds ui8, the accelerator takes i8
func.func @unsigned_data(%x: tensor<1x2xui8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xui8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its requantized result holds i16, the accelerator takes i8
func.func @wide_result(%x: tensor<1x2xi8>) -> tensor<1x1xi16> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi16>
  func.return %1 : tensor<1x1xi16>
}

// -----

// CHECK: 'qnn.conv' op left in qnn: its result is not requantized
// CHECK: 'qnn.bias_add' op left in qnn: its result is not requantized
// CHECK: 'qnn.bias_add' op left in qnn: its operand is not the result of a convolution or dense operator
func.func @no_requantize(%x: tensor<1x2x1xi8>, %a: tensor<1x1xi32>) -> (tensor<1x2x1xi32>, tensor<1x1xi32>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %b = arith.constant dense<1> : tensor<1xi32>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x2x1xi32>, tensor<1xi32>) -> tensor<1x2x1xi32>
  %2 = qnn.bias_add %a, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  func.return %1, %2 : tensor<1x2x1xi32>, tensor<1x1xi32>
}

// -----

// CHECK: 'qnn.avg_pool' op left in qnn: padding 1x1 is left out of the average, and the accelerator counts it
// CHECK: 'qnn.avg_pool' op left in qnn: input_q #qnn.quantization<scale = 0.5, zero_point = 0> and output_q #qnn.quantization<scale = 0.25, zero_point = 0> differ
func.func @avg_pool(%x: tensor<1x4x1xi8>) -> (tensor<1x4x1xi8>, tensor<1x2x1xi8>) {
  %0 = qnn.avg_pool %x pool_size = [3] padding = [1, 1] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  %1 = qnn.avg_pool %x pool_size = [2] strides = [2] input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1x4x1xi8>) -> tensor<1x2x1xi8>
  func.return %0, %1 : tensor<1x4x1xi8>, tensor<1x2x1xi8>
}

// -----

// CHECK: 'qnn.add' op left in qnn: its operand holds ui8, the accelerator takes i8
func.func @add(%x: tensor<1x2xui8>) -> tensor<1x2xui8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xui8>, tensor<1x2xui8>) -> tensor<1x2xui8>
  func.return %0 : tensor<1x2xui8>
}

// -----

// CHECK: 'qnn.dequantize' op left in qnn: input_q has 2 scales, the accelerator takes one
// CHECK: 'qnn.dequantize' op left in qnn: its operand holds i32, the accelerator takes i8, ui8 or i16
func.func @dequantize(%x: tensor<1x2xi8>, %y: tensor<1x2xi32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %0 = qnn.dequantize %x input_q = <scale = [0.5, 0.25]> : (tensor<1x2xi8>) -> tensor<1x2xf32>
  %1 = qnn.dequantize %y input_q = <scale = 0.5> : (tensor<1x2xi32>) -> tensor<1x2xf32>
  func.return %0, %1 : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: accumulator must fit 32 bits, got 2147499903
func.func @accumulator(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %b = arith.constant dense<2147483647> : tensor<1xi32>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 1.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its tensors are empty, its result is tensor<0x1xi8>
func.func @empty(%x: tensor<0x1xi8>) -> tensor<0x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<0x1xi8>, tensor<1x1xi8>) -> tensor<0x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<0x1xi32>) -> tensor<0x1xi8>
  func.return %1 : tensor<0x1xi8>
}

// -----

// CHECK: 'qnn.mean' op left in qnn: the sum of 32769 codes does not fit 32 bits
func.func @mean(%x: tensor<1x32769x1xi16>) -> tensor<1x1x1xi16> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 0.7> output_q = <scale = 0.5> : (tensor<1x32769x1xi16>) -> tensor<1x1x1xi16>
  func.return %0 : tensor<1x1x1xi16>
}

// -----

// CHECK: 'qnn.requantize' op left in qnn: its operand's zero point -2147483648 has no negative in 32 bits
func.func @zero_point(%x: tensor<1xi32>) -> tensor<1xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5, zero_point = -2147483648> output_q = <scale = 1.0> : (tensor<1xi32>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK: 'func.return' op a result is encoded with #qnn.quantization<scale = 0.25, zero_point = 0>, but declared with #qnn.quantization<scale = 0.5, zero_point = 0>
func.func @declared_result(%x: tensor<1xi8>) -> (tensor<1xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 0>}) {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK: 'qnn.add' op left in qnn: its sum does not fit 32 bits, it reaches 5.1e+09
func.func @sum(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0e-7> rounding = away : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK: 'qnn.tanh' op left in qnn: its operand holds ui8, the accelerator takes i8; requantize to i8
func.func @function(%x: tensor<1xui8>) -> tensor<1xui8> {
  %0 = qnn.tanh %x input_q = <scale = 0.5> output_q = <scale = 0.0078125, zero_point = 128> : (tensor<1xui8>) -> tensor<1xui8>
  func.return %0 : tensor<1xui8>
}
