// Fails when the verifier of sima.max_pool lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have at least 3 axes (N, spatial, C), got 2
func.func @max_pool_c1(%x: tensor<8x4xi8>) {
  %r = sima.max_pool %x pool_size = [2] : (tensor<8x4xi8>) -> tensor<7x4xi8>
  return
}

// -----

// CHECK: spatial size must be at least 1, got 0
func.func @max_pool_c1_empty_axis(%x: tensor<1x0x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] padding = [1, 1] : (tensor<1x0x1xi8>) -> tensor<1x1x1xi8>
  return
}

// -----

// CHECK: pool_size must have 1 values, got 2
func.func @max_pool_c1_pool_size(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2, 2] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// -----

// CHECK: pool_size must be at least 1, got 0
func.func @max_pool_c1_pool_size_zero(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [0] : (tensor<1x8x1xi8>) -> tensor<1x9x1xi8>
  return
}

// -----

// CHECK: strides must be at least 1, got -1
func.func @max_pool_c1_strides(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] strides = [-1] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// -----

// CHECK: padding must be at least 0, got -1
func.func @max_pool_c1_padding(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] padding = [-1, 0] : (tensor<1x8x1xi8>) -> tensor<1x6x1xi8>
  return
}

// -----

// CHECK: padding 2 must be less than pool size 2
func.func @max_pool_c1_padding_window(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] padding = [0, 2] : (tensor<1x8x1xi8>) -> tensor<1x9x1xi8>
  return
}

// -----

// CHECK: window must fit into axis 1 with its padding, got 9 in 8
func.func @max_pool_c2(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [9] : (tensor<1x8x1xi8>) -> tensor<1x1x1xi8>
  return
}

// -----

// CHECK: result must have shape 1x4x1, got 1x7x1
func.func @max_pool_c2_shape(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] strides = [2] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @max_pool_c3(%x: tensor<1x8x1xi8>) {
  %r = sima.max_pool %x pool_size = [2] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi16>
  return
}
