// Fails when an operation takes requantization constants that the arithmetic is not defined for.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: shift must be in 0..31, got 32
func.func @requantizing_r1(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 32 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: shift must be in 0..62, got 63
func.func @requantizing_r1_tflite(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = 1
    shift = [62, 63] zero_point_correction = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: shift must be one value or a list of 2, got 3
func.func @requantizing_r1_length(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = [1, 2, 3]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization tflite needs rounding, got none
func.func @requantizing_r2(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite scale_correction = 1 shift = 0
    zero_point_correction = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization tflite needs zero_point_correction, got none
func.func @requantizing_r2_zero_point_correction(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = 1 shift = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization sima takes no rounding, got one
func.func @requantizing_r2_sima(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x rounding = upward scale_correction = 1 shift = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization sima takes no zero_point_correction, got one
func.func @requantizing_r2_sima_zero_point_correction(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 zero_point_correction = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale_correction must be one value or a list of 2, got 3
func.func @requantizing_r3(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = [1, 2, 3]
    shift = 0 zero_point_correction = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale_correction must be in 0..2147483647, got -2
func.func @requantizing_r3_negative(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = [1, -2]
    shift = 0 zero_point_correction = 0
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: zero_point_correction must be in -128..127, got 128
func.func @requantizing_r4(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = tflite scale_correction = 1 shift = 0
    zero_point_correction = 128
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: clamp must have 2 values, got 1
func.func @requantizing_r5(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 clamp = [0]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: clamp min must be at most its max, got 6 and 0
func.func @requantizing_r5_order(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 clamp = [6, 0]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: clamp max must be in -128..127, got 128
func.func @requantizing_r5_range(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0 clamp = [0, 128]
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale_correction must be in 0..16777216, got 16777217
func.func @requantizing_r3_float32(%x: tensor<4xi8>) {
  %r = sima.requantize %x requantization = tflite rounding = float32 scale_correction = 16777217 shift = 31
    zero_point_correction = 0 : (tensor<4xi8>) -> tensor<4xi8>
  return
}
