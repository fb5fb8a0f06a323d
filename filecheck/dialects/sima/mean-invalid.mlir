// Fails when the verifier of sima.mean lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: axis must be in 0..2, got 3
func.func @mean_c1(%x: tensor<1x7x4xi8>) {
  %r = sima.mean %x axes = [3] scale_correction = 1 shift = 0
    : (tensor<1x7x4xi8>) -> tensor<1x7x4xi8>
  return
}

// -----

// CHECK: axes must be distinct and at least one, got [1, 1]
func.func @mean_c1_twice(%x: tensor<1x7x4xi8>) {
  %r = sima.mean %x axes = [1, 1] scale_correction = 1 shift = 0
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: axis 1 of data must have at least 1 element, got 0
func.func @mean_c1_empty_axis(%x: tensor<1x0x4xi8>) {
  %r = sima.mean %x axes = [1] scale_correction = 1 shift = 0
    : (tensor<1x0x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: result must have shape 1x1x4, got 1x4
func.func @mean_c1_shape(%x: tensor<1x7x4xi8>) {
  %r = sima.mean %x axes = [1] scale_correction = 1 shift = 0 : (tensor<1x7x4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: scale_correction must be given, got none
func.func @mean_c2(%x: tensor<1x7x4xi8>) {
  %r = sima.mean %x axes = [1] shift = 0 : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// -----

// CHECK: shift must be one value or a list of 4, got 2
func.func @mean_c2_shift(%x: tensor<1x7x4xi8>) {
  %r = sima.mean %x axes = [1] scale_correction = 1 shift = [0, 0]
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}
