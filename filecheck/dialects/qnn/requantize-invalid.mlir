// Fails when the verifier of qnn.requantize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: input_q must have 1 or 4 scales, got 2
func.func @requantize_c1(%x: tensor<1x4xi32>) {
  %r = qnn.requantize %x input_q = <scale = [1.0, 2.0]> output_q = <scale = 1.0>
    : (tensor<1x4xi32>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: output_q must have 1 scale, got 2
func.func @requantize_c2(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 1.0> output_q = <scale = [1.0, 2.0]>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: output_q zero point must be in -128..127, got 200
func.func @requantize_c2_zero_point(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 1.0> output_q = <scale = 1.0, zero_point = 200>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x2, got 2
func.func @requantize_c3(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x2xi32>) -> tensor<2xi8>
  return
}

// -----

// CHECK: rounding must be one of tflite16, away, got tflite
func.func @requantize_c4(%x: tensor<1x4xi64>) {
  %r = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.5> rounding = tflite
    : (tensor<1x4xi64>) -> tensor<1x4xi16>
  return
}
