// If this fails, a strategy writes other weights than it says, or keeps to itself that it fell back.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' | filecheck %s --check-prefix=NEAREST
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima | filecheck %s --check-prefix=SUMS
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=second-moment}' -o /dev/null 2>&1 | filecheck %s --check-prefix=SECOND --match-full-lines
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima --remarks -o /dev/null 2>&1 | filecheck %s --check-prefix=REMARKS
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{weight-rounding=nearest calibration="x.npz"}' 2>&1 | filecheck %s --check-prefix=UNUSED
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{weight-rounding=up}' 2>&1 | filecheck %s --check-prefix=UNKNOWN

// UNUSED: calibration is for weight-rounding=second-moment, got nearest
// UNKNOWN: weight-rounding

// A ratio of 0.75 / 2: the page folds it as 0.75 with a shift of 1, so that 1 and 1 and 1 and 100
// are 0.75, 0.75, 0.75 and 75. Nearest, their sum of 77.25 would become 78; the first of the three
// goes down instead.
// NEAREST:      sima.dense
// NEAREST-SAME:   shift = 1 {{.*}} weight = dense<{{\[\[}}1, 1, 1, 75]]>
// SUMS:         sima.dense
// SUMS-SAME:      shift = 1 {{.*}} weight = dense<{{\[\[}}0, 1, 1, 75]]>
// REMARKS:      'qnn.dense' op lowered to 'sima.dense': requantization = sima, weight_rounding = sum-preserving, shift = 1, max_error
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[1, 1, 1, 100]]> : tensor<1x4xi8>
  %0 = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// Weights that are small have room for more bits: 3 * 0.375 * 2^6 = 72 is exact.
// NEAREST:      shift = 1 {{.*}} weight = dense<{{\[\[}}2, -1]]>
// SUMS:         shift = 6 {{.*}} weight = dense<{{\[\[}}72, -24]]>
func.func @main(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[3, -1]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// Powers of two lose nothing, however they are rounded.
// SECOND: {{.*}}weight-rounding.mlir:[[# @LINE + 3]]:8: remark: [Analysis] 'qnn.dense' op its weights are rounded to nearest: second moments do not help
func.func @main(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[100, -1]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// What the network computes is not known where nobody says what its inputs are.
// SECOND-NEXT: {{.*}}weight-rounding.mlir:[[# @LINE + 3]]:8: remark: [Analysis] 'qnn.dense' op its weights are rounded sum-preserving: no inputs can be made up for its function
func.func @main(%x: tensor<1x2xi8>, %y: tensor<1xf32>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[100, -1]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// SECOND-NEXT: {{.*}}'qnn.dense' op its weights are rounded sum-preserving: there is no function 'main'
func.func @other(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[100, -1]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// SECOND-NEXT: {{.*}}'qnn.dense' op its weights are rounded sum-preserving: it is not in 'main'
func.func @main() {
  func.return
}
func.func @other(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[100, -1]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// SECOND-NEXT: {{.*}}'qnn.conv_transpose' op its weights are rounded sum-preserving: it is transposed
func.func @main(%x: tensor<1x4x4x1xi8>) -> tensor<1x8x8x1xi8> {
  %w = arith.constant dense<77> : tensor<2x2x1x1x1xi8>
  %0 = qnn.conv_transpose %x, %w strides = [2, 2] : (tensor<1x4x4x1xi8>, tensor<2x2x1x1x1xi8>) -> tensor<1x8x8x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.375> output_q = <scale = 1.0> : (tensor<1x8x8x1xi32>) -> tensor<1x8x8x1xi8>
  func.return %1 : tensor<1x8x8x1xi8>
}
