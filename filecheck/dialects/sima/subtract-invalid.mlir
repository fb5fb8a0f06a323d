// Fails when the verifier of sima.subtract lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: rhs must have shape 4, got 1
func.func @subtract_c1(%a: tensor<4xi8>, %b: tensor<1xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 1 rhs_scale = 1 shift = 0
    : (tensor<4xi8>, tensor<1xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: result must have shape 4, got 1x4
func.func @subtract_c1_result(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 1 rhs_scale = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: lhs_scale must be in 0..32767, got 32768
func.func @subtract_c2(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 32768 rhs_scale = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: rhs_scale must be in 0..2147483647, got -1
func.func @subtract_c2_tflite(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b left_shift = 20 lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0
    rhs_zero_point = 0 rhs_scale = -1 rhs_shift = 0 requantization = tflite rounding = tflite
    scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: requantization tflite needs left_shift, got none
func.func @subtract_c3(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0 rhs_zero_point = 0
    rhs_scale = 1 rhs_shift = 0 requantization = tflite rounding = tflite scale_correction = 1
    shift = 0 zero_point_correction = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: requantization sima takes no lhs_zero_point, got one
func.func @subtract_c3_sima(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_zero_point = 1 lhs_scale = 1 rhs_scale = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: rhs_shift must be in 0..62, got 63
func.func @subtract_c3_shift(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b left_shift = 20 lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0
    rhs_zero_point = 0 rhs_scale = 1 rhs_shift = 63 requantization = tflite rounding = tflite
    scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: requantization sima takes no scale_correction, got one
func.func @subtract_c4(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 1 rhs_scale = 1 scale_correction = 1 shift = 0
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: shift must be in 0..31, got -1
func.func @subtract_c4_shift(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = sima.subtract %a, %b lhs_scale = 1 rhs_scale = 1 shift = -1
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: left_shift must be in 0..23, got 24
func.func @subtract_c3_left_shift(%a: tensor<1x4xi8>) {
  %r = sima.subtract %a, %a left_shift = 24 lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0 rhs_zero_point = 0 rhs_scale = 1 rhs_shift = 0
    requantization = tflite rounding = tflite scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: rhs_zero_point must be in -128..127, got 128
func.func @subtract_c3_zero_point(%a: tensor<1x4xi8>) {
  %r = sima.subtract %a, %a left_shift = 0 lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0 rhs_zero_point = 128 rhs_scale = 1 rhs_shift = 0
    requantization = tflite rounding = tflite scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: requantization tflite takes no bias, got 5
func.func @subtract_c3_bias(%a: tensor<1x4xi8>) {
  %r = sima.subtract %a, %a left_shift = 0 lhs_zero_point = 0 lhs_scale = 1 lhs_shift = 0 rhs_zero_point = 0 rhs_scale = 1 rhs_shift = 0 bias = 5
    requantization = tflite rounding = tflite scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}
