// Fails when the verifier of qnn.bias_add lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: bias must have shape 8, got 4
func.func @bias_add_c1(%x: tensor<1x4x8xi32>, %b: tensor<4xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<1x4x8xi32>, tensor<4xi32>) -> tensor<1x4x8xi32>
  return
}

// -----

// CHECK: bias must have shape 8, got 1x8
func.func @bias_add_c1_axes(%x: tensor<1x8xi32>, %b: tensor<1x8xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<1x8xi32>, tensor<1x8xi32>) -> tensor<1x8xi32>
  return
}

// -----

// CHECK: data must have at least 1 axis, got 0
func.func @bias_add_c1_scalar(%x: tensor<i32>, %b: tensor<i32>) {
  %r = qnn.bias_add %x, %b : (tensor<i32>, tensor<i32>) -> tensor<i32>
  return
}

// -----

// CHECK: result must have type tensor<1x8xi32>, got tensor<8xi32>
func.func @bias_add_c2(%x: tensor<1x8xi32>, %b: tensor<8xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<1x8xi32>, tensor<8xi32>) -> tensor<8xi32>
  return
}

// -----

// CHECK: bias must have element type i64, got i32
func.func @bias_add_c2_bias(%x: tensor<1x8xi64>, %b: tensor<8xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<1x8xi64>, tensor<8xi32>) -> tensor<1x8xi64>
  return
}
