// Fails when the verifier of qnn.softmax lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: input_q must have 1 scale, got 2
func.func @softmax_c1(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x input_q = <scale = [1.0, 2.0]> output_q = <scale = 0.00390625,
    zero_point = -128>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: beta must be positive and finite, got 0.0
func.func @softmax_c1_beta(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x beta = 0.0 : f64 input_q = <scale = 1.0> output_q = <scale = 0.00390625,
    zero_point = -128>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: beta must be positive and finite, got -inf
func.func @softmax_c1_beta_infinite(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x beta = 0xFFF0000000000000 : f64 input_q = <scale = 1.0>
    output_q = <scale = 0.00390625, zero_point = -128>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale times beta must be at least 2**-26, got 5e-10
func.func @softmax_c1_product(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x beta = 0.5 : f64 input_q = <scale = 1.0e-9> output_q = <scale = 0.00390625,
    zero_point = -128>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: output_q must be #qnn.quantization<scale = 0.00390625, zero_point = -128>, got #qnn.quantization<scale = 0.00390625, zero_point = 0>
func.func @softmax_c2(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x input_q = <scale = 1.0> output_q = <scale = 0.00390625>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have type tensor<1x2xi8>, got tensor<2x1xi8>
func.func @softmax_c3(%x: tensor<1x2xi8>) {
  %r = qnn.softmax %x input_q = <scale = 1.0> output_q = <scale = 0.00390625, zero_point = -128>
    : (tensor<1x2xi8>) -> tensor<2x1xi8>
  return
}

// -----

// CHECK: data must have at least 1 axis, got 0
func.func @softmax_c3_scalar(%x: tensor<i8>) {
  %r = qnn.softmax %x input_q = <scale = 1.0> output_q = <scale = 0.00390625, zero_point = -128>
    : (tensor<i8>) -> tensor<i8>
  return
}

// -----

// CHECK: last axis of data must have at least 1 element, got 0
func.func @softmax_c3_empty_axis(%x: tensor<1x0xi8>) {
  %r = qnn.softmax %x input_q = <scale = 1.0> output_q = <scale = 0.00390625, zero_point = -128>
    : (tensor<1x0xi8>) -> tensor<1x0xi8>
  return
}
