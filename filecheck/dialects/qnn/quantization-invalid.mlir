// Fails when an encoding that stands for no real numbers is read.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: scale must be positive and finite, got 0.0
func.func @quantization_c1(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0.0> : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: scale must be positive and finite, got -0.5
func.func @quantization_c1_list(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = [0.5, -0.5]> : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: scale must be positive and finite, got nan
func.func @quantization_c1_nan(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0x7FF8000000000000> : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: scale must be positive and finite, got inf
func.func @quantization_c1_infinite(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0x7FF0000000000000> : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// -----

// CHECK: scale must have at least 1 value, got 0
func.func @quantization_c2(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = []> : (tensor<2xi8>) -> tensor<2xf32>
  return
}
