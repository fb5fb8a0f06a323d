// Fails when the verifier of qnn.space_to_depth lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have 4 axes (N, H, W, C), got 3
func.func @space_to_depth_c1(%x: tensor<4x6x2xi8>) {
  %r = qnn.space_to_depth %x block_size = 2 : (tensor<4x6x2xi8>) -> tensor<2x3x8xi8>
  return
}

// -----

// CHECK: block_size must be at least 1, got -1
func.func @space_to_depth_c1_block(%x: tensor<1x2x3x8xi8>) {
  %r = qnn.space_to_depth %x block_size = -1 : (tensor<1x2x3x8xi8>) -> tensor<1x2x3x8xi8>
  return
}

// -----

// CHECK: spatial size must be a multiple of 2, got 5
func.func @space_to_depth_c2(%x: tensor<1x4x5x2xi8>) {
  %r = qnn.space_to_depth %x block_size = 2 : (tensor<1x4x5x2xi8>) -> tensor<1x2x2x8xi8>
  return
}

// -----

// CHECK: result must have shape 1x2x3x8, got 1x3x2x8
func.func @space_to_depth_c2_shape(%x: tensor<1x4x6x2xi8>) {
  %r = qnn.space_to_depth %x block_size = 2 : (tensor<1x4x6x2xi8>) -> tensor<1x3x2x8xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @space_to_depth_c3(%x: tensor<1x4x6x2xi8>) {
  %r = qnn.space_to_depth %x block_size = 2 : (tensor<1x4x6x2xi8>) -> tensor<1x2x3x8xi16>
  return
}
