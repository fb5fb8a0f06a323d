// Fails when the verifier of qnn.dense lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data has 4 features, weight takes 3
func.func @dense_c1(%x: tensor<1x4xi8>, %w: tensor<2x3xi8>) {
  %r = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x3xi8>) -> tensor<1x2xi32>
  return
}

// -----

// CHECK: weight must have 2 axes (O, I), got 3
func.func @dense_c1_weight_axes(%x: tensor<1x4xi8>, %w: tensor<2x4x1xi8>) {
  %r = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4x1xi8>) -> tensor<1x2xi32>
  return
}

// -----

// CHECK: data must have at least 1 axis, got 0
func.func @dense_c1_scalar(%x: tensor<i8>, %w: tensor<2x1xi8>) {
  %r = qnn.dense %x, %w : (tensor<i8>, tensor<2x1xi8>) -> tensor<2xi32>
  return
}

// -----

// CHECK: result must have shape 1x2, got 1x4
func.func @dense_c2(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x4xi32>
  return
}

// -----

// CHECK: input_zero_point must be in 0..255, got -1
func.func @dense_c3(%x: tensor<1x4xui8>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w input_zero_point = -1 : (tensor<1x4xui8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}

// -----

// CHECK: kernel_zero_point must be in -128..127, got -129
func.func @dense_c3_kernel(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w kernel_zero_point = -129
    : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}
