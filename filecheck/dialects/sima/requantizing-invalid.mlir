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

// -----

// The source rounds halves away from zero, the operation up.
// CHECK: certificate must have max_error at least 1, got 0
func.func @requantizing_r6(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// The source does not change codes, the operation takes halves: 64 steps at -128.
// CHECK: certificate must have max_error at least 64, got 63
func.func @requantizing_r6_dense(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 63, source = {input_q = #qnn.quantization<scale = 1.0>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source must have rounding, got none
func.func @requantizing_r6_incomplete(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source must have input_q, got none
func.func @requantizing_r6_empty(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 255, source = {}> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's rounding must be a qnn.rounding, got #sima<rounding away>
func.func @requantizing_r6_kind(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #sima<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's output_q must have 1 scale, got 2
func.func @requantizing_r6_scales(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = [1.0, 1.0]>, rounding = #qnn<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's clamp must be array<i32: 0, 6>, got array<i32: 0, 5>
func.func @requantizing_r6_clamp(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1 clamp = [0, 6]
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      clamp = array<i32: 0, 5>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's clamp must be array<i32: 0, 6>, got none
func.func @requantizing_r6_no_clamp(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1 clamp = [0, 6]
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's clamp must be absent, got array<i32: 0, 6>
func.func @requantizing_r6_other_clamp(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      clamp = array<i32: 0, 6>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's padding must be array<i64: 1, 0>, got none
func.func @requantizing_r6_window(%x: tensor<1x2x1xi8>) {
  %r = sima.conv %x padding = [1, 0] shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<2x1x1x1xi8>
    : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's input_zero_point must be 3, got 4
func.func @requantizing_r6_zero_point(%x: tensor<1x2x1xi8>) {
  %r = sima.conv %x input_zero_point = 3 shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 4 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1x1x1xi8>
    : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's input_codes must be two codes in order, got array<i32: 0, 128>
func.func @requantizing_r6_codes(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      input_codes = array<i32: 0, 128>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's bias must be a constant tensor, got 3 : i32
func.func @requantizing_r6_bias(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, bias = 3 : i32}>
    bias = dense<3> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: emitted weight has shape (1, 1), the source's (1, 2)
func.func @requantizing_r6_weight(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, weight = dense<1> : tensor<1x2xi8>}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's weight must be a tensor of i8, got tensor<1x1xf32>
func.func @requantizing_r6_real_weight(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, weight = dense<1.0> : tensor<1x1xf32>}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: 2 scales given for 1 output channels
func.func @requantizing_r6_channels(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = [0.5, 0.5]>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: rounding must be one of upward, away, tflite, got ruy
func.func @requantizing_r6_contract(%x: tensor<2xi8>) {
  %r = sima.add %x, %x lhs_scale = 1 rhs_scale = 1 shift = 0
    certificate = <max_error = 255, source = {lhs_q = #qnn.quantization<scale = 1.0>,
      rhs_q = #qnn.quantization<scale = 1.0>, output_q = #qnn.quantization<scale = 1.0>,
      rounding = #qnn<rounding ruy>}>
    : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// Halves of negative products.
// CHECK: certificate must have max_error at least 1, got 0
func.func @requantizing_r6_mul(%x: tensor<2xi8>) {
  %r = sima.mul %x, %x scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {lhs_q = #qnn.quantization<scale = 0.5>,
      rhs_q = #qnn.quantization<scale = 1.0>, output_q = #qnn.quantization<scale = 1.0>,
      rounding = #qnn<rounding away>}>
    : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// Halves of negative sums.
// CHECK: certificate must have max_error at least 1, got 0
func.func @requantizing_r6_mean(%x: tensor<1x2xi8>) {
  %r = sima.mean %x axes = [1] scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 1.0>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's input_codes must cover the operand's -128..127, got 0..127
func.func @requantizing_r6_unclamped(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      input_codes = array<i32: 0, 127>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source must not have kernel_zero_point, got 7 : i32
func.func @requantizing_r6_stray(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      kernel_zero_point = 7 : i32}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's input_zero_point must be an i32 in -128..127, got 128 : i32
func.func @requantizing_r6_zero_point(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 128 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// The bound would hold for codes from 0; the clip before lets -1 through.
// CHECK: certificate cannot be checked: its source's input_codes must cover the operand's -1..100, got 0..127
func.func @requantizing_r6_uncovered(%x: tensor<1x2xi8>) {
  %c = sima.clip %x min = -1 max = 100 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %r = sima.requantize %c scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      input_codes = array<i32: 0, 127>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source must not have kernel_zero_point, got 3 : i32
func.func @requantizing_r6_unknown(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, kernel_zero_point = 3 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's input_zero_point must be an i32 in -128..127, got -129 : i32
func.func @requantizing_r6_code(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = -129 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// -----

// CHECK: certificate cannot be checked: its source's output_q's zero point must be an i32 in -128..127, got 128 : i32
func.func @requantizing_r6_output_code(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0, zero_point = 128>, rounding = #qnn<rounding away>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}
