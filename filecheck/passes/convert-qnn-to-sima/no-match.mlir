// If this fails, something that must not be fused is, or nobody learns where and why it is not, or
// what would change that: each guard of the lowering gives its own reason and remedy here, once.
// RUN: sima-opt %s --split-input-file --allow-unregistered-dialect -p 'convert-qnn-to-sima{requantization=tflite partial=true}' -o /dev/null 2>&1 | filecheck %s --match-full-lines

// CHECK:      {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.conv' op left in qnn: the result of 'qnn.conv' has 2 users, fusing takes one; give each user a copy of it
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.requantize' op left in qnn: it ends a 'qnn.conv' that is not lowered; see 'qnn.conv'
func.func @two_users(%x: tensor<1x2x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x2x1xi32>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %1, %0 : tensor<1x2x1xi8>, tensor<1x2x1xi32>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 3]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its weight is not a constant; make it an arith.constant
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 3]]:8: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @weight_operand(%x: tensor<1x2xi8>, %w: tensor<3x2xi8>) -> tensor<1x3xi8> {
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x3xi32>) -> tensor<1x3xi8>
  func.return %1 : tensor<1x3xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 5]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its bias is not a constant; make it an arith.constant
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 5]]:8: remark: [Missed] 'qnn.bias_add' op left in qnn: it is the bias of a 'qnn.dense' that is not lowered; see 'qnn.dense'
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @bias_operand(%x: tensor<1x2xi8>, %b: tensor<3xi32>) -> tensor<1x3xi8> {
  %w = arith.constant dense<1> : tensor<3x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x3xi32>, tensor<3xi32>) -> tensor<1x3xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x3xi32>) -> tensor<1x3xi8>
  func.return %2 : tensor<1x3xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: resource 'gone' is not defined; define it in the module
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @weight_without_data(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense_resource<gone> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.conv' op left in qnn: its bias is not the same at every position; add what differs after the requantization
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'arith.addi' op it is the bias of a 'qnn.conv' that is not lowered; see 'qnn.conv'
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.conv' {{.*}}
func.func @uneven_bias(%x: tensor<1x2x1xi8>) -> tensor<1x2x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %b = arith.constant dense<[[[3], [4]]]> : tensor<1x2x1xi32>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = arith.addi %0, %b : tensor<1x2x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %2 : tensor<1x2x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its weight minus kernel_zero_point -100 does not fit 8 bits, got 220; quantize the weights symmetrically
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @kernel_zero_point(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[-10, 120]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w kernel_zero_point = -100 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 5]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its operand has zero point 3, but input_zero_point is 4; put a qnn.requantize between the two
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @zero_point_mismatch(%x: tensor<1x2xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 3>}) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %c = qnn.clip %x min = 3 max = 127 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %0 = qnn.dense %c, %w input_zero_point = 4 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 3]]:8: remark: [Missed] 'qnn.add' op left in qnn: its operand is encoded with #qnn.quantization<scale = 0.25, zero_point = 0>, but rhs_q is #qnn.quantization<scale = 0.5, zero_point = 0>; put a qnn.requantize between the two
func.func @scale_mismatch(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %1 = qnn.add %x, %0 lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 3]]:3: remark: [Missed] 'func.return' op a result is encoded with #qnn.quantization<scale = 0.25, zero_point = 0>, but declared with #qnn.quantization<scale = 0.5, zero_point = 0>; put a qnn.requantize between the two
func.func @declared_result(%x: tensor<1xi8>) -> (tensor<1xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 0>}) {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its operand holds ui8, the accelerator takes i8 or i16; requantize to i8
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @unsigned_data(%x: tensor<1x2xui8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xui8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.add' op left in qnn: its operand holds ui8, {{.*}}
func.func @unsigned_sum(%x: tensor<1x2xui8>) -> tensor<1x2xui8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xui8>, tensor<1x2xui8>) -> tensor<1x2xui8>
  func.return %0 : tensor<1x2xui8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.mul' op left in qnn: its operand holds ui8, {{.*}}
func.func @unsigned_product(%x: tensor<1x2xui8>) -> tensor<1x2xui8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xui8>, tensor<1x2xui8>) -> tensor<1x2xui8>
  func.return %0 : tensor<1x2xui8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its requantized result holds i16, the accelerator takes i8; requantize to i8
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @wide_result(%x: tensor<1x2xi8>) -> tensor<1x1xi16> {
  %w = arith.constant dense<1> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x1xi32>) -> tensor<1x1xi16>
  func.return %1 : tensor<1x1xi16>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.conv' op left in qnn: its result is not requantized; let a qnn.requantize follow
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: {{.*}}'qnn.bias_add' op left in qnn: its result is not requantized; {{.*}}
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.bias_add' op left in qnn: its operand is not the result of a convolution or dense operator; write a qnn.add of requantized codes
func.func @no_requantize(%x: tensor<1x2x1xi8>, %a: tensor<1x1xi32>) -> (tensor<1x2x1xi32>, tensor<1x1xi32>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %b = arith.constant dense<1> : tensor<1xi32>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x2x1xi32>, tensor<1xi32>) -> tensor<1x2x1xi32>
  %2 = qnn.bias_add %a, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  func.return %1, %2 : tensor<1x2x1xi32>, tensor<1x1xi32>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 1]]:6: remark: [Missed] 'qnn.foo' op left in qnn: it is not an operation of the qnn dialect; check its name
%0 = "qnn.foo"() : () -> i32

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.avg_pool' op left in qnn: padding 1x1 is left out of the average, and the accelerator counts it; take count_include_pad, or a window without padding
func.func @pool_padding(%x: tensor<1x4x1xi8>) -> tensor<1x4x1xi8> {
  %0 = qnn.avg_pool %x pool_size = [3] padding = [1, 1] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  func.return %0 : tensor<1x4x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.avg_pool' op left in qnn: input_q #qnn.quantization<scale = 0.5, zero_point = 0> and output_q #qnn.quantization<scale = 0.25, zero_point = 0> differ; average in one encoding, and put a qnn.requantize after it
func.func @pool_encodings(%x: tensor<1x4x1xi8>) -> tensor<1x2x1xi8> {
  %0 = qnn.avg_pool %x pool_size = [2] strides = [2] input_q = <scale = 0.5> output_q = <scale = 0.25> : (tensor<1x4x1xi8>) -> tensor<1x2x1xi8>
  func.return %0 : tensor<1x2x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.dequantize' op left in qnn: input_q has 2 scales, the accelerator takes one; requantize to one scale first
func.func @dequantize_channels(%x: tensor<1x2xi8>) -> tensor<1x2xf32> {
  %0 = qnn.dequantize %x input_q = <scale = [0.5, 0.25]> : (tensor<1x2xi8>) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.dequantize' op left in qnn: its operand holds i32, the accelerator takes i8, ui8 or i16; requantize to 8 or 16 bits first
func.func @dequantize_accumulators(%x: tensor<1x2xi32>) -> tensor<1x2xf32> {
  %0 = qnn.dequantize %x input_q = <scale = 0.5> : (tensor<1x2xi32>) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: its tensors are empty, its result is tensor<0x1xi8>; take it out of the network
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @empty(%x: tensor<0x1xi8>) -> tensor<0x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<0x1xi8>, tensor<1x1xi8>) -> tensor<0x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<0x1xi32>) -> tensor<0x1xi8>
  func.return %1 : tensor<0x1xi8>
}

// -----

// The accumulator's largest magnitude is 2147483647 + 128 * 127.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.dense' op left in qnn: accumulator must fit 32 bits, got 2147499903; split the sum into several operations
// CHECK-NEXT: {{.*}}'qnn.bias_add' op left in qnn: it is the bias of a 'qnn.dense' {{.*}}
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @accumulator(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %b = arith.constant dense<2147483647> : tensor<1xi32>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 1.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}

// -----

// The zero point's share of the bias is 2 * 127, and 2147483600 + 254 is past 2^31 - 1.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.dense' op left in qnn: bias with the zero points folded in must fit int32, got 2147483854; take smaller biases or a larger output scale
// CHECK-NEXT: {{.*}}'qnn.bias_add' op left in qnn: it is the bias of a 'qnn.dense' {{.*}}
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @folded_bias(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %b = arith.constant dense<2147483600> : tensor<1xi32>
  %0 = qnn.dense %x, %w input_zero_point = -2 : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 1.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.dense' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; take smaller biases or a larger output scale
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.dense' {{.*}}
func.func @large_ratio(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 4.0e9> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.requantize' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; choose a larger output scale
func.func @large_requantize_ratio(%x: tensor<1xi32>) -> tensor<1xi8> {
  %0 = qnn.requantize %x input_q = <scale = 4.0e9> output_q = <scale = 1.0> : (tensor<1xi32>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.requantize' op left in qnn: quotient of the scales must be positive and finite, got inf; choose a larger output scale
func.func @infinite_ratio(%x: tensor<1xi32>) -> tensor<1xi8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0e300> output_q = <scale = 1.0e-300> : (tensor<1xi32>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.requantize' op left in qnn: its operand's zero point -2147483648 has no negative in 32 bits; choose another zero point
func.func @least_zero_point(%x: tensor<1xi32>) -> tensor<1xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5, zero_point = -2147483648> output_q = <scale = 1.0> : (tensor<1xi32>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// 65535 * 32769 is past 2^31 - 1.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.mean' op left in qnn: the sum of 32769 codes does not fit 32 bits; average over one axis after the other
func.func @long_mean(%x: tensor<1x3x10923x1xi16>) -> tensor<1x1x1x1xi16> {
  %0 = qnn.mean %x axes = [1, 2] input_q = <scale = 0.7> output_q = <scale = 0.5> : (tensor<1x3x10923x1xi16>) -> tensor<1x1x1x1xi16>
  func.return %0 : tensor<1x1x1x1xi16>
}

// -----

// The mean of two codes takes half of the ratio.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.mean' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; choose {{.*}}
func.func @large_mean_ratio(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 8.0e9> output_q = <scale = 1.0> : (tensor<1x2xi8>) -> tensor<1x1xi8>
  func.return %0 : tensor<1x1xi8>
}

// -----

// Each code is at most 255 steps from its zero point, and a step 1e7 output steps.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.add' op left in qnn: its sum does not fit 32 bits, it reaches 5.1e+09; choose a larger output scale
func.func @large_sum(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 1.0> rhs_q = <scale = 1.0> output_q = <scale = 1.0e-7> rounding = away : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.add' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; choose {{.*}}
func.func @large_sum_ratio(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 4.0e9> rhs_q = <scale = 1.0> output_q = <scale = 1.0> rounding = away : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.mul' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; choose {{.*}}
func.func @large_product_ratio(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 4.0e9> rhs_q = <scale = 1.0> output_q = <scale = 1.0> : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// The product of the scales is not finite in float32.
// CHECK-NEXT: {{.*}}no-match.mlir:[[# @LINE + 2]]:8: remark: [Missed] 'qnn.mul' op left in qnn: quotient of the scales must be positive and finite, got inf; choose {{.*}}
func.func @infinite_product(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 1.0e20> rhs_q = <scale = 1.0e20> output_q = <scale = 1.0> : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>
  func.return %0 : tensor<1xi8>
}

// -----

// CHECK-NEXT: {{.*}}remark: [Missed] 'qnn.tanh' op left in qnn: its operand holds ui8, the accelerator takes i8; requantize to i8
func.func @function(%x: tensor<1xui8>) -> tensor<1xui8> {
  %0 = qnn.tanh %x input_q = <scale = 0.5> output_q = <scale = 0.0078125, zero_point = 128> : (tensor<1xui8>) -> tensor<1xui8>
  func.return %0 : tensor<1xui8>
}

// Nothing else is left.
// CHECK-NOT: remark
