// Fails when the verifier of qnn.dequantize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: input_q must have 1 or 4 scales, got 3
func.func @dequantize_c1(%x: tensor<1x4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = [1.0, 2.0, 4.0]> : (tensor<1x4xi8>) -> tensor<1x4xf32>
  return
}

// -----

// CHECK: result must have shape 1x4, got 4
func.func @dequantize_c2(%x: tensor<1x4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 1.0> : (tensor<1x4xi8>) -> tensor<4xf32>
  return
}
