// Fails when the verifier of qnn.reshape lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: result must have 8 elements, got 9
func.func @reshape_c1(%x: tensor<2x4xi8>) {
  %r = qnn.reshape %x : (tensor<2x4xi8>) -> tensor<9xi8>
  return
}

// -----

// CHECK: result must have 0 elements, got 1
func.func @reshape_c1_empty(%x: tensor<0xi8>) {
  %r = qnn.reshape %x : (tensor<0xi8>) -> tensor<i8>
  return
}

// -----

// CHECK: result must have element type i8, got i32
func.func @reshape_c2(%x: tensor<2x4xi8>) {
  %r = qnn.reshape %x : (tensor<2x4xi8>) -> tensor<8xi32>
  return
}
