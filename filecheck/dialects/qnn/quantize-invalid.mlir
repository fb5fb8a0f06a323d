// Fails when the verifier of qnn.quantize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: output_q must have 1 scale, got 2
func.func @quantize_c1(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = [1.0, 2.0]> : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: output_q zero point must be in 0..255, got 256
func.func @quantize_c1_zero_point(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 1.0, zero_point = 256>
    : (tensor<1x2xf32>) -> tensor<1x2xui8>
  return
}

// -----

// CHECK: rounding must be one of away, float32, got tflite
func.func @quantize_c2(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 1.0> rounding = tflite
    : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x2, got 1x3
func.func @quantize_c3(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 1.0> : (tensor<1x2xf32>) -> tensor<1x3xi8>
  return
}

// -----

// CHECK: scale must be positive and finite in float32, got 1e-60
func.func @quantize_c1_float32(%x: tensor<4xf32>) {
  %r = qnn.quantize %x output_q = <scale = 1.0e-60> : (tensor<4xf32>) -> tensor<4xi8>
  return
}
