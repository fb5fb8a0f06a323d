// If this fails, a result that may be further off than `max-error` allows is emitted, or one that is
// proven to be near enough is refused.
// RUN: not sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=0}' -o /dev/null 2>&1 | filecheck %s --match-full-lines
// RUN: not sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=2}' -o /dev/null 2>&1 | filecheck %s --check-prefix=TWO --match-full-lines
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=2 partial=true}' 2>&1 | filecheck %s --check-prefix=PARTIAL
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=3}' | filecheck %s --check-prefix=THREE
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{max-error=0 requantization=tflite}' | filecheck %s --check-prefix=TFLITE
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=-1}' 2>&1 | filecheck %s --check-prefix=NEGATIVE
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{weight-rounding=nearest max-error=1.5}' 2>&1 | filecheck %s --check-prefix=REAL
// NEGATIVE: error: pass 'convert-qnn-to-sima': max-error must not be negative, got -1
// REAL: error: option 'max-error' of pass 'convert-qnn-to-sima' must be int|None, got 1.5

// The ratio 0.7 * 2^-4 folds to a weight of 1 and a shift of 4: codes from -128 to 127 give -8 to 8
// in place of -6 to 6, and between them 3 too much, or too little, at most.
// CHECK:      {{.*}}max-error.mlir:[[# @LINE + 8]]:8: error: 'qnn.dense' op cannot be lowered: a result may be off by 3, max-error allows 0; take requantization=auto, which multiplies where folding is not exact enough
// CHECK-NEXT: {{.*}}max-error.mlir:[[# @LINE + 8]]:8: error: 'qnn.requantize' op cannot be lowered: it ends a 'qnn.dense' that is not lowered; see 'qnn.dense'
// TWO:        {{.*}}error: 'qnn.dense' op cannot be lowered: a result may be off by 3, max-error allows 2; {{.*}}
// PARTIAL:    remark: [Missed] 'qnn.dense' op left in qnn: a result may be off by 3, max-error allows 2; take
// THREE:      sima.dense %{{.*}} shift = 4
// TFLITE:     sima.dense %{{.*}} requantization = tflite
func.func @dense(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.04375> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}

// -----

// A tie, which the source rounds away from zero and a shift rounds up.
// CHECK-NEXT: {{.*}}max-error.mlir:[[# @LINE + 4]]:8: error: 'qnn.requantize' op cannot be lowered: a result may be off by 1, max-error allows 0; {{.*}}
// TWO-NEXT:   {{.*}}error: 'qnn.requantize' op cannot be lowered: it ends a 'qnn.dense' {{.*}}
// TWO-NOT:    error
func.func @requantize(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// CHECK-NEXT: {{.*}}max-error.mlir:[[# @LINE + 2]]:8: error: 'qnn.mean' op cannot be lowered: a result may be off by 1, max-error allows 0; {{.*}}
func.func @mean(%x: tensor<1x2x1xi8>) -> tensor<1x1x1xi8> {
  %0 = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = away : (tensor<1x2x1xi8>) -> tensor<1x1x1xi8>
  func.return %0 : tensor<1x1x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}max-error.mlir:[[# @LINE + 2]]:8: error: 'qnn.add' op cannot be lowered: a result may be off by 1, max-error allows 0; {{.*}}
func.func @add(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.add %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// CHECK-NEXT: {{.*}}max-error.mlir:[[# @LINE + 2]]:8: error: 'qnn.mul' op cannot be lowered: a result may be off by 1, max-error allows 0; {{.*}}
func.func @mul(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.mul %x, %x lhs_q = <scale = 0.5> rhs_q = <scale = 0.5> output_q = <scale = 0.5> rounding = away : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// What is exact is lowered whatever the limit.
// CHECK-NOT: error
// THREE: sima.requantize %{{.*}} scale_correction = 16384 shift = 15
func.func @exact(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}
