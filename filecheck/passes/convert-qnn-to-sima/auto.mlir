// If this fails, `auto` folds a scale that loses more than it may, or multiplies where a shift would
// do, or does not say which and why.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest requantization=auto}' --remarks 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest requantization=auto max-error=0}' | filecheck %s --check-prefix=ZERO
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest requantization=auto max-error=3 certify=true}' | filecheck %s --check-prefix=THREE

// Of two layers, the ratio of one is a power of two, and 0.7 * 2^-4 of the other gives results that
// are off by up to 3 (`max-error.mlir`). Without `max-error`, auto allows 1.
// CHECK-LABEL: @layers
// CHECK: sima.dense %{{.*}} shift = 4 bias
// CHECK: sima.dense %{{.*}} requantization = tflite rounding = upward
// ZERO-LABEL: @layers
// ZERO: sima.dense %{{.*}} shift = 4 bias
// ZERO: sima.dense %{{.*}} requantization = tflite rounding = upward
// THREE-LABEL: @layers
// THREE: sima.dense %{{.*}} shift = 4 certificate = <max_error = 0, {{.*}} bias
// THREE: sima.dense %{{.*}} shift = 4 certificate = <max_error = 3, {{.*}} bias
// REMARK: 'qnn.dense' op lowered to 'sima.dense': requantization = sima, shift = 4, max_error = 0, rms_error = 0{{$}}
// REMARK: 'qnn.dense' op lowered to 'sima.dense': requantization = tflite, rounding = upward, {{.*}}, max_error = 0, rms_error = 0, folded_max_error = 3
func.func @layers(%x: tensor<1x1xi8>) -> (tensor<1x1xi8>, tensor<1x1xi8>) {
  %w = arith.constant dense<1> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.0625> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  %2 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %3 = qnn.requantize %2 input_q = <scale = 0.04375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1, %3 : tensor<1x1xi8>, tensor<1x1xi8>
}

// -----

// Ties alone make a difference of 1.
// CHECK-LABEL: @ties
// CHECK: sima.requantize %{{.*}} scale_correction = 16384 shift = 15
// CHECK: sima.mean %{{.*}} scale_correction = 16384 shift = 15
// CHECK: sima.add %{{.*}} shift = 15
// CHECK: sima.mul %{{.*}} scale_correction = 16384 shift = 15
// ZERO-LABEL: @ties
// ZERO: sima.requantize %{{.*}} requantization = tflite rounding = away
// ZERO: sima.mean %{{.*}} requantization = tflite rounding = away
// ZERO: sima.add %{{.*}} requantization = tflite rounding = upward
// ZERO: sima.mul %{{.*}} requantization = tflite rounding = away
func.func @ties(%x: tensor<1x2xi8>) -> (tensor<1x2xi8>, tensor<1x1xi8>, tensor<1x2xi8>, tensor<1x2xi8>) {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %1 = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi8>) -> tensor<1x1xi8>
  %2 = qnn.add %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  %3 = qnn.mul %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 0.5> rounding = away : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0, %1, %2, %3 : tensor<1x2xi8>, tensor<1x1xi8>, tensor<1x2xi8>, tensor<1x2xi8>
}

// -----

// What does not fold at all is multiplied, as in `sima` mode.
// CHECK-LABEL: @unfoldable
// CHECK: sima.dense %{{.*}} requantization = tflite
// REMARK: remark: [Missed] 'qnn.dense' op does not fold into a shift: scale ratio 1.5 times weight 127
func.func @unfoldable(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 1.5> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}
