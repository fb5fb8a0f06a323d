// Fails when the verifier of sima.resize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data must have at least 3 axes (N, spatial, C), got 2
func.func @resize_c1(%x: tensor<2x4xi8>) {
  %r = sima.resize %x steps = [] offsets = [] divisors = [] : (tensor<2x4xi8>) -> tensor<2x4xi8>
  return
}

// -----

// CHECK: spatial size must be at least 1, got 0
func.func @resize_c1_empty(%x: tensor<1x0x4xi8>) {
  %r = sima.resize %x steps = [1] offsets = [0] divisors = [2] : (tensor<1x0x4xi8>) -> tensor<1x2x4xi8>
  return
}

// -----

// CHECK: result must have batch 1, 1 spatial axes and channels 4, got [1, 4, 5]
func.func @resize_c1_channels(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [1] offsets = [0] divisors = [2] : (tensor<1x2x4xi8>) -> tensor<1x4x5xi8>
  return
}

// -----

// CHECK: steps must have 1 values, got 2
func.func @resize_c2(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [1, 1] offsets = [0] divisors = [2] : (tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  return
}

// -----

// CHECK: offsets must have 1 values, got 0
func.func @resize_c2_offsets(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [1] offsets = [] divisors = [2] : (tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  return
}

// -----

// CHECK: steps must be at least 0, got -1
func.func @resize_c2_step(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [-1] offsets = [0] divisors = [2] : (tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  return
}

// -----

// CHECK: divisors must be at least 1, got 0
func.func @resize_c2_divisor(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [1] offsets = [0] divisors = [0] : (tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  return
}

// -----

// CHECK: product of divisors must be at most 1099511627776, got 2199023255552
func.func @resize_c3(%x: tensor<1x2x2x4xi8>) {
  %r = sima.resize %x steps = [1, 1] offsets = [0, 0] divisors = [2097152, 1048576] linear : (tensor<1x2x2x4xi8>) -> tensor<1x4x4x4xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @resize_c4(%x: tensor<1x2x4xi8>) {
  %r = sima.resize %x steps = [1] offsets = [0] divisors = [2] : (tensor<1x2x4xi8>) -> tensor<1x4x4xi16>
  return
}
