// Fails when the verifier of qnn.mean lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: axis must be in 0..2, got 3
func.func @mean_c1(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [3] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: axis must be in 0..2, got -1
func.func @mean_c1_negative(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [-1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x7x1xi8>
  return
}

// -----

// CHECK: axes must be distinct and at least one, got [1, 1]
func.func @mean_c1_twice(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [1, 1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: axes must be distinct and at least one, got []
func.func @mean_c1_none(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x7x4xi8>
  return
}

// -----

// CHECK: axis 1 of data must have at least 1 element, got 0
func.func @mean_c1_empty_axis(%x: tensor<1x0x4xi8>) {
  %r = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x0x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: result must have shape 1x1x4, got 1x4
func.func @mean_c2(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: output_q must have 1 scale, got 2
func.func @mean_c3(%x: tensor<1x7x2xi8>) {
  %r = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = [1.0, 2.0]>
    : (tensor<1x7x2xi8>) -> tensor<1x1x2xi8>
  return
}

// -----

// CHECK: input_q zero point must be in -128..127, got 128
func.func @mean_c3_zero_point(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [1] input_q = <scale = 1.0, zero_point = 128> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @mean_c4(%x: tensor<1x7x4xi8>) {
  %r = qnn.mean %x axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi16>
  return
}
