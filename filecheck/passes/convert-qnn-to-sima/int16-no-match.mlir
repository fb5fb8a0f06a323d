// If this fails, codes or accumulators of a width that the accelerator has not are given to it, or
// nobody learns why they are not.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' -o /dev/null 2>&1 | filecheck %s

// CHECK: 'qnn.dense' op left in qnn: its operand holds ui8, the accelerator takes i8 or i16; requantize to i8
func.func @unsigned(%x: tensor<1x1xui8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<3> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xui8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.3> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its requantized result holds i8, the accelerator takes i16; requantize to i16
func.func @narrowed(%x: tensor<1x1xi16>) -> tensor<1x1xi8> {
  %w = arith.constant dense<3> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi16>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.3> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: its accumulators hold i64, the accelerator takes i32 for codes of i8; accumulate in i32
func.func @wide_accumulators(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<3> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi64>
  %1 = qnn.requantize %0 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = away : (tensor<1x1xi64>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK: 'qnn.requantize' op left in qnn: its operand holds i64, and is not the sum of a convolution or dense operator; requantize from i32
func.func @requantize_alone(%x: tensor<1x1xi64>) -> tensor<1x1xi16> {
  %0 = qnn.requantize %x input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = away : (tensor<1x1xi64>) -> tensor<1x1xi16>
  func.return %0 : tensor<1x1xi16>
}

// -----

// The worst sum is 1000 * 127 * 32768 + 5.
// CHECK: 'qnn.dense' op left in qnn: accumulator must fit 32 bits, got 4161536005; split the sum into several operations
func.func @sum_of_32_bits(%x: tensor<1x1000xi16>) -> tensor<1x1xi16> {
  %w = arith.constant dense<127> : tensor<1x1000xi8>
  %b = arith.constant dense<5> : tensor<1xi32>
  %0 = qnn.dense %x, %w : (tensor<1x1000xi16>, tensor<1x1000xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = tflite : (tensor<1x1xi32>) -> tensor<1x1xi16>
  func.return %2 : tensor<1x1xi16>
}

// -----

// CHECK: 'qnn.dense' op left in qnn: bias must fit int48, got 140737488355328; take smaller biases or a larger output scale
func.func @bias_of_more_than_48_bits(%x: tensor<1x1xi16>) -> tensor<1x1xi16> {
  %w = arith.constant dense<3> : tensor<1x1xi8>
  %b = arith.constant dense<140737488355328> : tensor<1xi64>
  %0 = qnn.dense %x, %w : (tensor<1x1xi16>, tensor<1x1xi8>) -> tensor<1x1xi64>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi64>, tensor<1xi64>) -> tensor<1x1xi64>
  %2 = qnn.requantize %1 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = away : (tensor<1x1xi64>) -> tensor<1x1xi16>
  func.return %2 : tensor<1x1xi16>
}
