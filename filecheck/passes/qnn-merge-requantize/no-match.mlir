// If this fails, requantizations are merged although somebody needs what is between them, or a
// mistake between them is hidden.
// RUN: sima-opt %s --split-input-file -p 'qnn-merge-requantize{max-error=255}' | filecheck %s
// RUN: not sima-opt %s -p 'qnn-merge-requantize{max-error=-1}' 2>&1 | filecheck %s --check-prefix=OPTION

// OPTION: error: pass 'qnn-merge-requantize': max-error must not be negative, got -1

// CHECK-LABEL: @shared
// CHECK-COUNT-2: qnn.requantize
func.func @shared(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 2.0, zero_point = 0> output_q = <scale = 4.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0, %1 : tensor<4xi8>, tensor<4xi8>
}

// -----

// The codes are written with scale 2, and read with 3.
// CHECK-LABEL: @mismatch
// CHECK-COUNT-2: qnn.requantize
func.func @mismatch(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 3.0, zero_point = 0> output_q = <scale = 4.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}

// -----

// Accumulators have too many values to look at each.
// CHECK-LABEL: @accumulators
// CHECK-COUNT-2: qnn.requantize
func.func @accumulators(%x: tensor<4xi32>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<4xi32>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 2.0, zero_point = 0> output_q = <scale = 4.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}

// -----

// Saturated in between.
// CHECK-LABEL: @saturated
// CHECK-COUNT-2: qnn.requantize
func.func @saturated(%x: tensor<4xi32>) -> tensor<4xi16> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<4xi32>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xi16>
  func.return %1 : tensor<4xi16>
}

// -----

// The accelerator makes i8 of accumulators.
// CHECK-LABEL: @unsigned
// CHECK-COUNT-2: qnn.requantize
func.func @unsigned(%x: tensor<4xi32>) -> tensor<4xui8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = -128> : (tensor<4xi32>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 2.0, zero_point = -128> output_q = <scale = 2.0, zero_point = 0> : (tensor<4xi8>) -> tensor<4xui8>
  func.return %1 : tensor<4xui8>
}

// -----

// Each code stays what it is, but the scale of the accumulators would be another: -12687 * 0.01 is
// -127 to nearest, and divided by 1.003 -126.
// CHECK-LABEL: @scales
// CHECK-COUNT-2: qnn.requantize
func.func @scales(%x: tensor<4xi32>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 0.01, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> rounding = tflite : (tensor<4xi32>) -> tensor<4xi8>
  %1 = qnn.requantize %0 input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 1.003, zero_point = 0> rounding = tflite : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}
