// Fails when the verifier of qnn.pad lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: padding must have 4 values, got 2
func.func @pad_c1(%x: tensor<2x2xi8>) {
  %r = qnn.pad %x padding = [0, 1] value = 0 : (tensor<2x2xi8>) -> tensor<2x3xi8>
  return
}

// -----

// CHECK: padding must be at least 0, got -1
func.func @pad_c1_negative(%x: tensor<2x2xi8>) {
  %r = qnn.pad %x padding = [0, 0, 0, -1] value = 0 : (tensor<2x2xi8>) -> tensor<2x1xi8>
  return
}

// -----

// CHECK: result must have shape 2x4, got 4x2
func.func @pad_c2(%x: tensor<2x2xi8>) {
  %r = qnn.pad %x padding = [0, 1, 0, 1] value = 0 : (tensor<2x2xi8>) -> tensor<4x2xi8>
  return
}

// -----

// CHECK: value must be in -128..127, got 128
func.func @pad_c3(%x: tensor<2x2xi8>) {
  %r = qnn.pad %x padding = [0, 1, 0, 1] value = 128 : (tensor<2x2xi8>) -> tensor<2x4xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @pad_c3_element_type(%x: tensor<2x2xi8>) {
  %r = qnn.pad %x padding = [0, 1, 0, 1] value = 0 : (tensor<2x2xi8>) -> tensor<2x4xi16>
  return
}

// -----

// CHECK: data must have at least 1 axis, got 0
func.func @pad_c1_scalar(%x: tensor<i8>) {
  %r = qnn.pad %x padding = [] value = 0 : (tensor<i8>) -> tensor<i8>
  return
}
