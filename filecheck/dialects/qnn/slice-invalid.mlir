// Fails when the verifier of qnn.slice lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: starts must have 2 values, got 1
func.func @slice_c1(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0] : (tensor<8x3xi8>) -> tensor<8x3xi8>
  return
}

// -----

// CHECK: strides must have 2 values, got 1
func.func @slice_c1_strides(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0, 0] strides = [1] : (tensor<8x3xi8>) -> tensor<8x3xi8>
  return
}

// -----

// CHECK: result must have 2 axes, got 1
func.func @slice_c1_result(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0, 0] : (tensor<8x3xi8>) -> tensor<8xi8>
  return
}

// -----

// CHECK: axis 0 has 8 elements, the slice takes 4..8
func.func @slice_c2_outside(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [4, 0] : (tensor<8x3xi8>) -> tensor<5x3xi8>
  return
}

// -----

// CHECK: axis 1 has 3 elements, the slice takes -1..0
func.func @slice_c2_before(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0, -1] : (tensor<8x3xi8>) -> tensor<8x2xi8>
  return
}

// -----

// CHECK: strides must not be 0, got 0 for axis 1
func.func @slice_c2_zero(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0, 0] strides = [1, 0] : (tensor<8x3xi8>) -> tensor<8x3xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @slice_c3(%x: tensor<8x3xi8>) {
  %r = qnn.slice %x starts = [0, 0] : (tensor<8x3xi8>) -> tensor<8x3xi16>
  return
}
