// Fails when the verifier of qnn.depth_to_space lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have 4 axes (N, H, W, C), got 3
func.func @depth_to_space_c1(%x: tensor<2x3x8xi8>) {
  %r = qnn.depth_to_space %x block_size = 2 : (tensor<2x3x8xi8>) -> tensor<4x6x2xi8>
  return
}

// -----

// CHECK: block_size must be at least 1, got 0
func.func @depth_to_space_c1_block(%x: tensor<1x2x3x8xi8>) {
  %r = qnn.depth_to_space %x block_size = 0 : (tensor<1x2x3x8xi8>) -> tensor<1x2x3x8xi8>
  return
}

// -----

// CHECK: channels must be a multiple of 4, got 6
func.func @depth_to_space_c2(%x: tensor<1x2x3x6xi8>) {
  %r = qnn.depth_to_space %x block_size = 2 : (tensor<1x2x3x6xi8>) -> tensor<1x4x6x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x4x6x2, got 1x6x4x2
func.func @depth_to_space_c2_shape(%x: tensor<1x2x3x8xi8>) {
  %r = qnn.depth_to_space %x block_size = 2 : (tensor<1x2x3x8xi8>) -> tensor<1x6x4x2xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @depth_to_space_c3(%x: tensor<1x2x3x8xi8>) {
  %r = qnn.depth_to_space %x block_size = 2 : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi16>
  return
}
