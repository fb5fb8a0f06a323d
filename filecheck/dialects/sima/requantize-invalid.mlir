// Fails when the verifier of sima.requantize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: result must have shape 1x2, got 2
func.func @requantize_c1(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 : (tensor<1x2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: scale_correction must be given, got none
func.func @requantize_c2(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x shift = 0 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale_correction must be in 0..32767, got 32768
func.func @requantize_c2_scale_correction(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 32768 shift = 15 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: shift must be in 0..31, got 32
func.func @requantize_c2_shift(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 32 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization sima needs 8- or 16-bit data, got i32
func.func @requantize_c3(%x: tensor<1x2xi32>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}
