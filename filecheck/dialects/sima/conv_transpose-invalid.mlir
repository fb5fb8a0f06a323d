// Fails when the verifier of sima.conv_transpose lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have at least 3 axes (N, spatial, C), got 2
func.func @conv_transpose_c1(%x: tensor<4x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<4x1xi8>) -> tensor<6x2xi8>
  return
}

// -----

// CHECK: weight must have 4 axes (spatial, I, G, O) for data with 3, got 3
func.func @conv_transpose_c1_weight_axes(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: data has 3 channels, weight takes 1 groups of 1
func.func @conv_transpose_c1_channels(%x: tensor<1x4x3xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x3xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: kernel must be at least 1, got 0
func.func @conv_transpose_c1_taps(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<> : tensor<0x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x3x2xi8>
  return
}

// -----

// CHECK: spatial size must be at least 1, got 0
func.func @conv_transpose_c1_empty(%x: tensor<1x0x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x0x1xi8>) -> tensor<1x2x2xi8>
  return
}

// -----

// CHECK: strides must have 1 values, got 2
func.func @conv_transpose_c2(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x strides = [1, 1] shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: padding must be at least 0, got -1
func.func @conv_transpose_c2_padding(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x padding = [1, -1] shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: output_padding must be at least 0, got -1
func.func @conv_transpose_c2_added(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x output_padding = [-1] shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x4x2, got 1x6x2
func.func @conv_transpose_c3(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x padding = [1, 1] shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: axis 1 of the result must have at least 1 element, got -1
func.func @conv_transpose_c3_nothing(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x padding = [7, 0] shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x0x2xi8>
  return
}

// -----

// CHECK: shift must be one value or a list of 2, got 1
func.func @conv_transpose_c4(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x shift = [7] bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: weight must be a tensor of i8, got tensor<3x1x1x2xi16>
func.func @conv_transpose_c4_weight(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi16>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}

// -----

// CHECK: input_zero_point must be in -128..127, got 128
func.func @conv_transpose_c5(%x: tensor<1x4x1xi8>) {
  %r = sima.conv_transpose %x input_zero_point = 128 shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<3x1x1x2xi8>
    : (tensor<1x4x1xi8>) -> tensor<1x6x2xi8>
  return
}
