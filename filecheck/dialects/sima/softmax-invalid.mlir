// Fails when the verifier of sima.softmax lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: scale must be in 1073741824..2147483647, got 1073741823
func.func @softmax_c1(%x: tensor<1x2xi8>) {
  %r = sima.softmax %x scale = 1073741823 left_shift = 24 least_difference = -124
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: left_shift must be in 0..31, got 32
func.func @softmax_c1_left_shift(%x: tensor<1x2xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 32 least_difference = -124
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: least_difference must be at most 0, got 1
func.func @softmax_c2(%x: tensor<1x2xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = 1
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have type tensor<1x2xi8>, got tensor<1x2xui8>
func.func @softmax_c3(%x: tensor<1x2xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = -124
    : (tensor<1x2xi8>) -> tensor<1x2xui8>
  return
}

// -----

// CHECK: data must have at least 1 axis, got 0
func.func @softmax_c3_scalar(%x: tensor<i8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = -124
    : (tensor<i8>) -> tensor<i8>
  return
}

// -----

// CHECK: last axis of data must have at least 1 element, got 0
func.func @softmax_c3_empty_axis(%x: tensor<1x0xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = -124
    : (tensor<1x0xi8>) -> tensor<1x0xi8>
  return
}

// -----

// CHECK: least_difference << left_shift must fit 32 bits, got -68451041280
func.func @softmax_c2_moved(%x: tensor<1x4xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 28 least_difference = -255
    : (tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}
