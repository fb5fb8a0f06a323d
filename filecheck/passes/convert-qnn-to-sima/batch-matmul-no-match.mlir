// If this fails, a product of two tensors is lowered to something else than it is, or nobody learns
// why it is not lowered: each guard gives its own reason here.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' 2>&1 | filecheck %s

// CHECK: 'qnn.batch_matmul' op left in qnn: the result of 'qnn.batch_matmul' has 2 users, fusing takes one; give each user a copy of it
// CHECK: 'qnn.requantize' op left in qnn: it ends a 'qnn.batch_matmul' that is not lowered; see 'qnn.batch_matmul'
func.func @two_users(%a: tensor<1x2xi8>, %b: tensor<2x2xi8>) -> (tensor<1x2xi8>, tensor<1x2xi32>) {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1, %0 : tensor<1x2xi8>, tensor<1x2xi32>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its left operand holds ui8, the accelerator takes i8; requantize to i8
func.func @left_type(%a: tensor<1x2xui8>, %b: tensor<2x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xui8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its right operand holds ui8, the accelerator takes i8; requantize to i8
func.func @right_type(%a: tensor<1x2xi8>, %b: tensor<2x2xui8>) -> tensor<1x2xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xi8>, tensor<2x2xui8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its requantized result holds i16, the accelerator takes i8; requantize to i8
func.func @result_type(%a: tensor<1x2xi8>, %b: tensor<2x2xi8>) -> tensor<1x2xi16> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi32>) -> tensor<1x2xi16>
  func.return %1 : tensor<1x2xi16>
}

// -----

// 33026 * 255 * 255 is past 2^31 - 1.
// CHECK: 'qnn.batch_matmul' op left in qnn: a sum of 33026 products does not fit 32 bits; split it into several operations
func.func @long(%a: tensor<1x33026xi8>, %b: tensor<33026x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b lhs_zero_point = -128 rhs_zero_point = -128 : (tensor<1x33026xi8>, tensor<33026x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: a sum less its zero point 2147483647 does not fit 32 bits; choose a zero point that is nearer to zero
func.func @zero_point(%a: tensor<1x1xi8>, %b: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.7, zero_point = 2147483647> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: multiplier must be less than 2**31, got 4000000000.0; choose a larger output scale
func.func @large_ratio(%a: tensor<1x1xi8>, %b: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 4.0e9> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: quotient of the scales must be positive and finite, got inf; choose a larger output scale
func.func @infinite_ratio(%a: tensor<1x1xi8>, %b: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.0e300> output_q = <scale = 1.0e-300> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its operand has zero point 5, but lhs_zero_point is 4; put a qnn.requantize between the two
func.func @left_zero_point(%a: tensor<1x1xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 5>}, %b: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b lhs_zero_point = 4 : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its operand has zero point 5, but rhs_zero_point is 0; put a qnn.requantize between the two
func.func @right_zero_point(%a: tensor<1x1xi8>, %b: tensor<1x1xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 5>}) -> tensor<1x1xi8> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.batch_matmul' op left in qnn: its result is not requantized; let a qnn.requantize follow
func.func @accumulators(%a: tensor<1x1xi8>, %b: tensor<1x1xi8>) -> tensor<1x1xi32> {
  %0 = qnn.batch_matmul %a, %b : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  func.return %0 : tensor<1x1xi32>
}
