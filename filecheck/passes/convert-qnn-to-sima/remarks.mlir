// If this fails, somebody who asks what became of an operation gets no answer, a wrong one, or one
// at another place. Bounds and expected errors follow from the comments.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' --remarks -o /dev/null 2>&1 | filecheck %s --match-full-lines
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite}' --remarks -o /dev/null 2>&1 | filecheck %s --check-prefix=TFLITE --match-full-lines
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' -o /dev/null 2>&1 | filecheck %s --check-prefix=UNASKED --match-full-lines

// What is fused names what it became part of; a list is said as its least and largest number.
// Powers of two lose nothing.
// CHECK:       {{.*}}remarks.mlir:[[# @LINE + 10]]:8: remark: [Passed] 'qnn.pad' op fused into 'sima.conv'
// CHECK-NEXT:  {{.*}}remarks.mlir:[[# @LINE + 10]]:8: remark: [Passed] 'qnn.conv' op lowered to 'sima.conv': requantization = sima, shift = 1..2, max_error = 0, rms_error = 0
// CHECK-NEXT:  {{.*}}remarks.mlir:[[# @LINE + 10]]:8: remark: [Passed] 'qnn.bias_add' op fused into 'sima.conv'
// CHECK-NEXT:  {{.*}}remarks.mlir:[[# @LINE + 10]]:8: remark: [Passed] 'qnn.requantize' op fused into 'sima.conv'
// CHECK-NEXT:  {{.*}}remarks.mlir:[[# @LINE + 10]]:8: remark: [Passed] 'qnn.clip' op fused into 'sima.conv'
// TFLITE:      {{.*}}'qnn.pad' op fused into 'sima.conv'
// TFLITE-NEXT: {{.*}}'qnn.conv' op lowered to 'sima.conv': requantization = tflite, rounding = upward, scale_correction = 1073741824, shift = 31..32, max_error = 0, rms_error = 0
func.func @conv(%x: tensor<1x4x4x1xi8>) -> tensor<1x4x4x2xi8> {
  %w = arith.constant dense<1> : tensor<2x2x1x1x2xi8>
  %b = arith.constant dense<1> : tensor<2xi32>
  %0 = qnn.pad %x padding = [0, 1, 0, 0, 0, 0, 1, 0] value = 3 : (tensor<1x4x4x1xi8>) -> tensor<1x5x5x1xi8>
  %1 = qnn.conv %0, %w input_zero_point = 3 : (tensor<1x5x5x1xi8>, tensor<2x2x1x1x2xi8>) -> tensor<1x4x4x2xi32>
  %2 = qnn.bias_add %1, %b : (tensor<1x4x4x2xi32>, tensor<2xi32>) -> tensor<1x4x4x2xi32>
  %3 = qnn.requantize %2 input_q = <scale = [0.5, 0.25]> output_q = <scale = 1.0> : (tensor<1x4x4x2xi32>) -> tensor<1x4x4x2xi8>
  %4 = qnn.clip %3 min = 0 max = 6 : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8>
  func.return %4 : tensor<1x4x4x2xi8>
}

// -----

// What did not fold says so first, and then what was done instead.
// CHECK-NEXT:   {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Missed] 'qnn.dense' op does not fold into a shift: {{.*}}
// CHECK-NEXT:   {{.*}}remarks.mlir:[[# @LINE + 5]]:8: remark: [Passed] 'qnn.dense' op lowered to 'sima.dense': requantization = tflite, rounding = upward, scale_correction = 1610612736, shift = 30, max_error = 0, rms_error = 0
// CHECK-NEXT:   {{.*}}'qnn.requantize' op fused into 'sima.dense'
// UNASKED:      {{.*}}remarks.mlir:[[# @LINE + 3]]:8: remark: [Missed] 'qnn.dense' op does not fold into a shift: {{.*}}
func.func @unfoldable(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// CHECK-NEXT:   {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Analysis] 'qnn.dense' op every folded weight is 0, its scale is so small
// CHECK-NEXT:   {{.*}}remarks.mlir:[[# @LINE + 5]]:8: remark: [Passed] 'qnn.dense' op lowered to 'sima.dense': requantization = sima, shift = 22, max_error = 0, rms_error = 0
// CHECK-NEXT:   {{.*}}'qnn.requantize' op fused into 'sima.dense'
// UNASKED-NEXT: {{.*}}remarks.mlir:[[# @LINE + 3]]:8: remark: [Analysis] 'qnn.dense' op every folded weight is 0, {{.*}}
func.func @dead(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<100> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.5e-11> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// Two odd codes in four pairs of codes make two halves, which the source rounds up one by one.
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 2]]:8: remark: [Passed] 'qnn.add' op lowered to 'sima.add': requantization = sima, shift = 15, max_error = 1, rms_error = 0.5
func.func @add(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// A quarter of the codes is odd and negative, and its halves are rounded away from zero, or up.
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 2]]:8: remark: [Passed] 'qnn.requantize' op lowered to 'sima.requantize': requantization = sima, scale_correction = 16384, shift = 15, max_error = 1, rms_error = 0.5
func.func @requantize(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 2]]:8: remark: [Passed] 'qnn.mul' op lowered to 'sima.mul': requantization = sima, scale_correction = 16384, shift = 16, max_error = 0, rms_error = 0
func.func @mul(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}

// -----

// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 2]]:8: remark: [Passed] 'qnn.mean' op lowered to 'sima.mean': requantization = sima, scale_correction = 16384, shift = 15, max_error = 0, rms_error = 0
func.func @mean(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2xi8>) -> tensor<1x1xi8>
  func.return %0 : tensor<1x1xi8>
}

// -----

// What both dialects compute alike has no constants to tell of.
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Passed] 'qnn.avg_pool' op lowered to 'sima.avg_pool': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Passed] 'qnn.max_pool' op lowered to 'sima.max_pool': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Passed] 'qnn.pad' op lowered to 'sima.pad': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Passed] 'qnn.clip' op lowered to 'sima.clip': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 6]]:8: remark: [Passed] 'qnn.reshape' op lowered to 'sima.reshape': max_error = 0
func.func @moves(%x: tensor<1x4x2xi8>) -> (tensor<1x2x2xi8>, tensor<1x2x2xi8>, tensor<1x6x2xi8>, tensor<1x4x2xi8>, tensor<8xi8>) {
  %0 = qnn.avg_pool %x pool_size = [2] strides = [2] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x2xi8>) -> tensor<1x2x2xi8>
  %1 = qnn.max_pool %x pool_size = [2] strides = [2] : (tensor<1x4x2xi8>) -> tensor<1x2x2xi8>
  %2 = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = 3 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %3 = qnn.clip %x min = 0 max = 6 : (tensor<1x4x2xi8>) -> tensor<1x4x2xi8>
  %4 = qnn.reshape %x : (tensor<1x4x2xi8>) -> tensor<8xi8>
  func.return %0, %1, %2, %3, %4 : tensor<1x2x2xi8>, tensor<1x2x2xi8>, tensor<1x6x2xi8>, tensor<1x4x2xi8>, tensor<8xi8>
}

// -----

// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 4]]:8: remark: [Passed] 'qnn.quantize' op lowered to 'sima.quantize': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 4]]:8: remark: [Passed] 'qnn.softmax' op lowered to 'sima.softmax': max_error = 0
// CHECK-NEXT: {{.*}}remarks.mlir:[[# @LINE + 4]]:8: remark: [Passed] 'qnn.dequantize' op lowered to 'sima.dequantize': max_error = 0
func.func @edges(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %0 = qnn.quantize %x output_q = <scale = 0.5> : (tensor<1x3xf32>) -> tensor<1x3xi8>
  %1 = qnn.softmax %0 input_q = <scale = 0.5> output_q = <scale = 0.00390625, zero_point = -128> : (tensor<1x3xi8>) -> tensor<1x3xi8>
  %2 = qnn.dequantize %1 input_q = <scale = 0.00390625, zero_point = -128> : (tensor<1x3xi8>) -> tensor<1x3xf32>
  func.return %2 : tensor<1x3xf32>
}

// Unasked, a pass says what it missed and found out, and not what it did.
// CHECK-NOT:   remark
// UNASKED-NOT: remark
