// If this fails, a certificate quotes something else than its source, or promises what does not hold,
// or is refused when it is read again. Every bound here follows from its comment.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest certify=true}' | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{certify=true requantization=tflite}' | filecheck %s --check-prefix=TFLITE
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest certify=true}' --mlir-print-op-generic | sima-opt --split-input-file | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' | not grep certificate

// Ratios that are powers of two fold without loss, and both round half up: the bound is 0. The
// weight is quoted, because a folded one may differ; the window and the clamp are the operation's,
// so the clip and the absorbed pad are in them.
// CHECK-LABEL: @conv
// CHECK: sima.conv %{{.*}} clamp = [0, 6]
// CHECK-SAME: certificate = <max_error = 0, source = {
// CHECK-SAME: input_q = #qnn.quantization<scale = [0.5, 0.25], zero_point = 0>,
// CHECK-SAME: output_q = #qnn.quantization<scale = 1.0, zero_point = 2>,
// CHECK-SAME: rounding = #qnn<rounding upward>,
// CHECK-SAME: input_zero_point = 5 : i32,
// CHECK-SAME: weight = dense<1> : tensor<2x2x1x1x2xi8>,
// CHECK-SAME: clamp = array<i32: 0, 6>, strides = array<i64: 2, 2>, padding = array<i64: 1, 0, 2, 1>}>
// CHECK-SAME: bias = dense<[-16, -12]> : tensor<2xi32> weight = dense<1>
// The same weight is emitted in `tflite` form, and not quoted.
// TFLITE-LABEL: @conv
// TFLITE: sima.conv %{{.*}} clamp = [0, 6]
// TFLITE-SAME: certificate = <max_error = 0, source = {
// TFLITE-SAME: input_zero_point = 5 : i32,
// TFLITE-NOT: weight
// TFLITE-SAME: clamp = array<i32: 0, 6>, strides = array<i64: 2, 2>, padding = array<i64: 1, 0, 2, 1>}>
func.func @conv(%x: tensor<1x4x4x1xi8>) -> tensor<1x3x2x2xi8> {
  %w = arith.constant dense<1> : tensor<2x2x1x1x2xi8>
  %p = qnn.pad %x padding = [0, 1, 0, 0, 0, 1, 0, 0] value = 5 : (tensor<1x4x4x1xi8>) -> tensor<1x6x4x1xi8>
  %0 = qnn.conv %p, %w strides = [2, 2] padding = [0, 0, 1, 1] input_zero_point = 5 : (tensor<1x6x4x1xi8>, tensor<2x2x1x1x2xi8>) -> tensor<1x3x2x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = [0.5, 0.25]> output_q = <scale = 1.0, zero_point = 2> : (tensor<1x3x2x2xi32>) -> tensor<1x3x2x2xi8>
  %2 = qnn.clip %1 min = 0 max = 6 : (tensor<1x3x2x2xi8>) -> tensor<1x3x2x2xi8>
  func.return %2 : tensor<1x3x2x2xi8>
}

// -----

// A shift rounds -0.5 to 0, the source to -1. The bias is quoted as the source has it, without zero
// points.
// CHECK-LABEL: @dense
// CHECK: sima.dense %{{.*}} shift = 1
// CHECK-SAME: certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5, zero_point = 0>,
// CHECK-SAME: rounding = #qnn<rounding away>, input_zero_point = -10 : i32, bias = dense<[3, -4]> : tensor<2xi32>,
// CHECK-SAME{LITERAL}: weight = dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>}> bias = dense<[33, 6]>
// TFLITE-LABEL: @dense
// TFLITE: sima.dense %{{.*}} requantization = tflite rounding = away
// TFLITE-SAME: certificate = <max_error = 0, source = {
// TFLITE-SAME: bias = dense<[3, -4]> : tensor<2xi32>}>
func.func @dense(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %w = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>
  %b = arith.constant dense<[3, -4]> : tensor<2xi32>
  %0 = qnn.dense %x, %w input_zero_point = -10 : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x2xi32>, tensor<2xi32>) -> tensor<1x2xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %2 : tensor<1x2xi8>
}

// -----

// A weight with a zero point is quoted, and emitted, without it.
// CHECK-LABEL: @kernel_zero_point
// CHECK: certificate = <max_error = 0, {{.*}}weight = dense<2> : tensor<1x1xi8>}> bias = dense<0> : tensor<1xi32> weight = dense<2>
// TFLITE-LABEL: @kernel_zero_point
// TFLITE: certificate = <max_error = 0, {{.*}}input_zero_point = 0 : i32}> bias = dense<0> : tensor<1xi32> weight = dense<2>
func.func @kernel_zero_point(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<130> : tensor<1x1xui8>
  %0 = qnn.dense %x, %w kernel_zero_point = 128 : (tensor<1x1xi8>, tensor<1x1xui8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// The source rounds each operand and then adds: 1/2 + 1/2 is 1 + 1 to it, and 1 in one rounding.
// CHECK-LABEL: @add
// CHECK: sima.add %{{.*}} certificate = <max_error = 1, source = {
// CHECK-SAME: lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rhs_q = #qnn.quantization<scale = 0.5, zero_point = -4>,
// CHECK-SAME: output_q = #qnn.quantization<scale = 1.0, zero_point = 7>, rounding = #qnn<rounding upward>, clamp = array<i32: 7, 127>}>
// TFLITE-LABEL: @add
// TFLITE: sima.add %{{.*}} certificate = <max_error = 0, source = {lhs_q
func.func @add(%a: tensor<1x4xi8>, %b: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.5, zero_point = -4> output_q = <scale = 1.0, zero_point = 7> : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  %1 = qnn.clip %0 min = 7 max = 127 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %1 : tensor<1x4xi8>
}

// -----

// A quarter is exact, and both round half up.
// CHECK-LABEL: @mul
// CHECK: sima.mul %{{.*}} certificate = <max_error = 0, source = {
// CHECK-SAME: lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rhs_q = #qnn.quantization<scale = 0.5, zero_point = -4>,
// CHECK-SAME: output_q = #qnn.quantization<scale = 1.0, zero_point = 7>, rounding = #qnn<rounding upward>}>
// TFLITE-LABEL: @mul
// TFLITE: sima.mul %{{.*}} requantization = tflite {{.*}}certificate = <max_error = 0, source = {lhs_q
func.func @mul(%a: tensor<1x4xi8>, %b: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.mul %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.5, zero_point = -4> output_q = <scale = 1.0, zero_point = 7> : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// Halves of negative numbers are rounded away from zero, or up.
// CHECK-LABEL: @requantize
// CHECK: sima.requantize %{{.*}} certificate = <max_error = 1, source = {
// CHECK-SAME: input_q = #qnn.quantization<scale = 0.5, zero_point = 3>, output_q = #qnn.quantization<scale = 1.0, zero_point = 2>, rounding = #qnn<rounding away>}>
// TFLITE-LABEL: @requantize
// TFLITE: sima.requantize %{{.*}} certificate = <max_error = 0, source = {input_q
func.func @requantize(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 1.0, zero_point = 2> rounding = away : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// From the zero point upwards there are no negative numbers: the same operation then is exact, and
// its certificate says for which codes.
// CHECK-LABEL: @requantize_range
// CHECK: sima.requantize %{{.*}} certificate = <max_error = 0, {{.*}}rounding = #qnn<rounding away>, input_codes = array<i32: 3, 127>}>
// TFLITE-LABEL: @requantize_range
// TFLITE: sima.requantize %{{.*}} certificate = <max_error = 0, {{.*}}rounding = #qnn<rounding away>, input_codes = array<i32: 3, 127>}>
func.func @requantize_range(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.clip %x min = 3 max = 127 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 1.0, zero_point = 2> rounding = away : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %1 : tensor<1x4xi8>
}

// -----

// Eighths, of sums of four codes; those of one code are exact.
// CHECK-LABEL: @mean
// CHECK: sima.mean %{{.*}} axes = [1, 2] {{.*}}certificate = <max_error = 1, source = {
// CHECK-SAME: input_q = #qnn.quantization<scale = 0.5, zero_point = -6>, output_q = #qnn.quantization<scale = 1.0, zero_point = 1>, rounding = #qnn<rounding away>}>
// CHECK: sima.mean %{{.*}} axes = [3] {{.*}}certificate = <max_error = 0, {{.*}}clamp = array<i32: -5, 5>}>
// TFLITE-LABEL: @mean
// TFLITE: sima.mean %{{.*}} certificate = <max_error = 0, source = {input_q
func.func @mean(%x: tensor<1x2x2x1xi8>) -> (tensor<1x1x1x1xi8>, tensor<1x2x2x1xi8>) {
  %0 = qnn.mean %x axes = [1, 2] input_q = <scale = 0.5, zero_point = -6> output_q = <scale = 1.0, zero_point = 1> rounding = away : (tensor<1x2x2x1xi8>) -> tensor<1x1x1x1xi8>
  %1 = qnn.mean %x axes = [3] input_q = <scale = 1.0, zero_point = -6> output_q = <scale = 1.0, zero_point = 1> rounding = away : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  %2 = qnn.clip %1 min = -5 max = 5 : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  func.return %0, %2 : tensor<1x1x1x1xi8>, tensor<1x2x2x1xi8>
}

// -----

// A clamp is known through operations that only move codes; a pad adds its value, and the
// padding of a pool never wins.
// CHECK-LABEL: @reachable
// CHECK: sima.dense {{.*}}input_zero_point = 0 : i32, input_codes = array<i32: 0, 6>, weight
// CHECK: sima.dense {{.*}}input_zero_point = 0 : i32, weight
// CHECK: sima.mean {{.*}}rounding = #qnn<rounding upward>, input_codes = array<i32: -9, 6>}>
// CHECK: sima.mean {{.*}}rounding = #qnn<rounding upward>, input_codes = array<i32: 0, 6>}>
func.func @reachable(%x: tensor<1x2x2xi8>) -> (tensor<1x1xi8>, tensor<1x1xi8>, tensor<1x1x2xi8>, tensor<1x1x2xi8>) {
  %w = arith.constant dense<1> : tensor<1x4xi8>
  %v = arith.constant dense<1> : tensor<1x1xi8>
  %0 = qnn.clip %x min = 0 max = 6 : (tensor<1x2x2xi8>) -> tensor<1x2x2xi8>
  %1 = qnn.max_pool %0 pool_size = [1] : (tensor<1x2x2xi8>) -> tensor<1x2x2xi8>
  %2 = qnn.reshape %1 : (tensor<1x2x2xi8>) -> tensor<1x4xi8>
  %3 = qnn.dense %2, %w : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x1xi32>
  %4 = qnn.requantize %3 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  %5 = qnn.dense %4, %v : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %6 = qnn.requantize %5 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  %7 = qnn.pad %1 padding = [0, 1, 0, 0, 1, 0] value = -9 : (tensor<1x2x2xi8>) -> tensor<1x4x2xi8>
  %8 = qnn.mean %7 axes = [1] input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x4x2xi8>) -> tensor<1x1x2xi8>
  %9 = qnn.max_pool %0 pool_size = [3] padding = [1, 1] : (tensor<1x2x2xi8>) -> tensor<1x2x2xi8>
  %10 = qnn.mean %9 axes = [1] input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2x2xi8>) -> tensor<1x1x2xi8>
  func.return %4, %6, %8, %10 : tensor<1x1xi8>, tensor<1x1xi8>, tensor<1x1x2xi8>, tensor<1x1x2xi8>
}

// -----

// The clamp of an operation that was itself lowered is known too.
// CHECK-LABEL: @after_a_clamp
// CHECK: sima.requantize {{.*}}clamp = [0, 6]
// CHECK: sima.requantize {{.*}}input_codes = array<i32: 0, 6>}>
func.func @after_a_clamp(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %1 = qnn.clip %0 min = 0 max = 6 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %2 = qnn.requantize %1 input_q = <scale = 1.0> output_q = <scale = 2.0> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %2 : tensor<1x4xi8>
}

// -----

// Operations that compute the same in both dialects take no certificate.
// CHECK-LABEL: @same
// CHECK-NOT: certificate
func.func @same(%x: tensor<1x4x1xi8>) -> tensor<1x2x1xi8> {
  %0 = qnn.avg_pool %x pool_size = [2] strides = [2] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x2x1xi8>
  func.return %0 : tensor<1x2x1xi8>
}
