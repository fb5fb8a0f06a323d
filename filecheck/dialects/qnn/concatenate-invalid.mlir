// Fails when the verifier of qnn.concatenate lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: inputs must be at least 1, got 0
func.func @concatenate_c1() {
  %r = "qnn.concatenate"() <{axis = 0 : i64, input_qs = [], output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}> : () -> tensor<1xi8>
  return
}

// -----

// CHECK: axis must be in 0..1, got 2
func.func @concatenate_c1_axis(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 2 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: axis must be in 0..1, got -1
func.func @concatenate_c1_negative(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = -1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: inputs must have the same shape but for axis 1, got [1, 4] and [2, 4]
func.func @concatenate_c1_shapes(%x: tensor<1x4xi8>, %y: tensor<2x4xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x8xi8>
  return
}

// -----

// CHECK: inputs must have the same shape but for axis 1, got [1, 4] and [4]
func.func @concatenate_c1_rank(%x: tensor<1x4xi8>, %y: tensor<4xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<4xi8>) -> tensor<1x8xi8>
  return
}

// -----

// CHECK: result must have shape 1x6, got 1x7
func.func @concatenate_c2(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x7xi8>
  return
}

// -----

// CHECK: result must have element type i16, got i8
func.func @concatenate_c2_element_type(%x: tensor<1x4xi8>, %y: tensor<1x2xi16>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi16>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: input_qs must have 2 encodings, got 1
func.func @concatenate_c3(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: input_qs must have 1 scale, got 2
func.func @concatenate_c3_scales(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = [0.5, 0.25], zero_point = 0>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: input_qs zero point must be in -128..127, got 128
func.func @concatenate_c3_zero_point(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 128>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: output_q zero point must be in -128..127, got -129
func.func @concatenate_c3_output(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = -129>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}
