// Fails when a requantization loses a scale, a zero point or its rounding contract on the way.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @per_tensor(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 1.5, zero_point = -5> rounding = tflite : (
// GENERIC: "qnn.requantize"({{.*}}) <{input_q = #qnn.quantization<scale = 0.25, zero_point = 0>, output_q = #qnn.quantization<scale = 1.5, zero_point = -5>, rounding = #qnn<rounding tflite>
func.func @per_tensor(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 1.5,
    zero_point = -5> rounding = tflite
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @per_channel(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.requantize"({{.*}}) <{input_q = #qnn.quantization<scale = [0.5, 0.25], zero_point = 0>
func.func @per_channel(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3>
    : (tensor<1x2xi32>) -> tensor<1x2xi16>
  return
}

// CHECK: @default_rounding(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.requantize"({{.*}}) <{input_q = #qnn.quantization<scale = 0.25, zero_point = 0>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding upward>
func.func @default_rounding(%x: tensor<1x2xi8>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3> rounding = upward
    : (tensor<1x2xi8>) -> tensor<1x2xui8>
  return
}

// CHECK: @default_zero_point(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (
func.func @default_zero_point(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 1> output_q = <scale = 2>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @away(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> rounding = away : (
func.func @away(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3> rounding = away
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @ruy(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> rounding = ruy : (
func.func @ruy(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3> rounding = ruy
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @float32(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> rounding = float32 : (
func.func @float32(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3> rounding = float32
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @tflite16(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> rounding = tflite16 : (
func.func @tflite16(%x: tensor<1x2xi32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3> rounding = tflite16
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @scalar(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> : (
func.func @scalar(%x: tensor<i32>) {
  %r = qnn.requantize %x input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5,
    zero_point = 3>
    : (tensor<i32>) -> tensor<i8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> rounding = away : (
func.func @as_attributes(%x: tensor<1x2xi32>) {
  %r = "qnn.requantize"(%x) {input_q = #qnn.quantization<scale = 0.25, zero_point = 0>,
    output_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
    rounding = #qnn<rounding away>}
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_properties(%x: tensor<1x2xi32>) {
  %r = "qnn.requantize"(%x) <{input_q = #qnn.quantization<scale = 0.25, zero_point = 0>,
    output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  return
}

// CHECK: @sixty_four_bits(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.requantize %[[X]] input_q = {{.*}} rounding = tflite16 : (tensor<1x4xi64>) -> tensor<1x4xi16>
func.func @sixty_four_bits(%x: tensor<1x4xi64>) {
  %r = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.5> rounding = tflite16
    : (tensor<1x4xi64>) -> tensor<1x4xi16>
  return
}
