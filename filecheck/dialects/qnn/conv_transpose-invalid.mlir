// Fails when the verifier of qnn.conv_transpose lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have at least 3 axes (N, spatial, C), got 2
func.func @conv_transpose_c1(%x: tensor<2x3xi8>, %w: tensor<3x1x1x4xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<2x3xi8>, tensor<3x1x1x4xi8>) -> tensor<2x4xi32>
  return
}

// -----

// CHECK: weight must have 4 axes (spatial, I, G, O) for data with 3, got 3
func.func @conv_transpose_c1_weight_axes(%x: tensor<1x4x1xi8>, %w: tensor<3x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x1xi8>, tensor<3x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// -----

// CHECK: data has 4 channels, weight takes 1 groups of 3
func.func @conv_transpose_c1_channels(%x: tensor<1x4x4xi8>, %w: tensor<3x3x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x4xi8>, tensor<3x3x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// -----

// CHECK: kernel must be at least 1, got 0
func.func @conv_transpose_c1_taps(%x: tensor<1x4x1xi8>, %w: tensor<0x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x1xi8>, tensor<0x1x1x2xi8>) -> tensor<1x3x2xi32>
  return
}

// -----

// CHECK: spatial size must be at least 1, got 0
func.func @conv_transpose_c1_empty(%x: tensor<1x0x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x0x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x2x2xi32>
  return
}

// -----

// CHECK: strides must have 1 values, got 2
func.func @conv_transpose_c2(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w strides = [2, 2]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x9x2xi32>
  return
}

// -----

// CHECK: strides must be at least 1, got 0
func.func @conv_transpose_c2_zero(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w strides = [0]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x3x2xi32>
  return
}

// -----

// CHECK: padding must have 2 values, got 1
func.func @conv_transpose_c3(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w padding = [1]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x5x2xi32>
  return
}

// -----

// CHECK: padding must be at least 0, got -1
func.func @conv_transpose_c3_negative(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w padding = [-1, 0]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x7x2xi32>
  return
}

// -----

// CHECK: output_padding must have 1 values, got 2
func.func @conv_transpose_c3_added(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w output_padding = [1, 1]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x7x2xi32>
  return
}

// -----

// CHECK: output_padding must be at least 0, got -1
func.func @conv_transpose_c3_added_negative(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w output_padding = [-1]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x5x2xi32>
  return
}

// -----

// CHECK: result must have shape 1x9x2, got 1x8x2
func.func @conv_transpose_c4(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w strides = [2]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x8x2xi32>
  return
}

// -----

// CHECK: axis 1 of the result must have at least 1 element, got 0
func.func @conv_transpose_c4_nothing(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w padding = [3, 3]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x0x2xi32>
  return
}

// -----

// CHECK: input_zero_point must be in -128..127, got 128
func.func @conv_transpose_c5(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w input_zero_point = 128
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// -----

// CHECK: kernel_zero_point must be in 0..255, got -1
func.func @conv_transpose_c5_kernel(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xui8>) {
  %r = qnn.conv_transpose %x, %w kernel_zero_point = -1
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xui8>) -> tensor<1x6x2xi32>
  return
}
