// Fails when the verifier of sima.mul lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rhs must have shape 4, got 1
func.func @mul_c1(%a: tensor<4xi8>, %b: tensor<1xi8>) {
  %r = sima.mul %a, %b scale_correction = 1 shift = 0
    : (tensor<4xi8>, tensor<1xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: result must have shape 4, got 1x4
func.func @mul_c1_result(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b scale_correction = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: lhs_zero_point must be in -128..127, got 128
func.func @mul_c2(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b lhs_zero_point = 128 scale_correction = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: rhs_zero_point must be in -128..127, got -129
func.func @mul_c2_rhs(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b rhs_zero_point = -129 requantization = tflite rounding = tflite
    scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: requantization tflite takes no bias, got 5
func.func @mul_c3(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b requantization = tflite rounding = tflite scale_correction = 1 shift = 0
    zero_point_correction = 0 bias = 5
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: scale_correction must be given, got none
func.func @mul_c4(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b shift = 0 : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: scale_correction must be in 0..32767, got 32768
func.func @mul_c4_scale(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b scale_correction = 32768 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: shift must be in 0..31, got -1
func.func @mul_c4_shift(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b scale_correction = 1 shift = -1
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: requantization tflite needs zero_point_correction, got none
func.func @mul_c4_tflite(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.mul %a, %b requantization = tflite rounding = tflite scale_correction = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}
