// Fails when a number or a name that can not be meant is read, or ends in a traceback.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: scale does not fit into an f64
func.func @more_than_64_bits(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0x13FF0000000000000> : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: integer must be in -2147483648..2147483647, got 2147483648
func.func @more_than_32_bits(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 1.0, zero_point = 2147483648>
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: expected one of upward, away, tflite, ruy, float32, tflite16, got nearest
func.func @unknown_rounding(%x: tensor<2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 1.0> rounding = nearest : (tensor<2xf32>) -> tensor<2xi8>
  return
}
