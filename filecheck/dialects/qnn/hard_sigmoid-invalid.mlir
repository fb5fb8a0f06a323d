// Fails when the verifier of qnn.hard_sigmoid lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rounding tflite defines no hard_sigmoid
func.func @hard_sigmoid_c1(%x: tensor<4xi8>) {
  %r = qnn.hard_sigmoid %x alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0> rounding = tflite
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: alpha must be finite, got nan
func.func @hard_sigmoid_c2(%x: tensor<4xi8>) {
  %r = qnn.hard_sigmoid %x alpha = 0x7FF8000000000000 : f64 beta = 0.5 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: beta must be finite, got -inf
func.func @hard_sigmoid_c2_beta(%x: tensor<4xi8>) {
  %r = qnn.hard_sigmoid %x alpha = 0.2 : f64 beta = 0xFFF0000000000000 : f64 input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
