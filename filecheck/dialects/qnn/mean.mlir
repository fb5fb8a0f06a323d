// Fails when a mean forgets its axes or an encoding in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.mean %[[X]] axes = [1, 2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.25, zero_point = 0> rounding = tflite : (
// GENERIC: "qnn.mean"({{.*}}) <{axes = array<i64: 1, 2>, input_q = #qnn.quantization<scale = 0.5, zero_point = 3>, output_q = #qnn.quantization<scale = 0.25, zero_point = 0>, rounding = #qnn<rounding tflite>}>
func.func @axes(%x: tensor<1x7x7x4xi8>) {
  %r = qnn.mean %x axes = [1, 2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.25,
    zero_point = 0> rounding = tflite
    : (tensor<1x7x7x4xi8>) -> tensor<1x1x1x4xi8>
  return
}

// CHECK: @default_rounding(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.mean %[[X]] axes = [2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
func.func @default_rounding(%x: tensor<1x7x4xi16>) {
  %r = qnn.mean %x axes = [2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5,
    zero_point = 3>
    : (tensor<1x7x4xi16>) -> tensor<1x7x1xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.mean %[[X]] axes = [1] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_attributes(%x: tensor<1x7x4xi8>) {
  %r = "qnn.mean"(%x) {axes = array<i64: 1>,
    input_q = #qnn.quantization<scale = 0.5,
    zero_point = 3>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.mean %[[X]] axes = [1] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_properties(%x: tensor<1x7x4xi8>) {
  %r = "qnn.mean"(%x) <{axes = array<i64: 1>,
    input_q = #qnn.quantization<scale = 0.5,
    zero_point = 3>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}>
    : (tensor<1x7x4xi8>) -> tensor<1x1x4xi8>
  return
}
