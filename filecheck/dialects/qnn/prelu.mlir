// Fails when qnn.prelu loses a property, or its contract, in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @tflite(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.prelu %[[X]] alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = -5> rounding = tflite : (
// GENERIC: "qnn.prelu"({{.*}}) <{alpha = 12 : i32, alpha_q = #qnn.quantization<scale = 0.01, zero_point = 2>, input_q = #qnn.quantization<scale = 0.05, zero_point = 3>, output_q = #qnn.quantization<scale = 0.1, zero_point = -5>, rounding = #qnn<rounding tflite>}>
func.func @tflite(%x: tensor<1x4xi8>) {
  %r = qnn.prelu %x alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3>
    output_q = <scale = 0.1, zero_point = -5> rounding = tflite : (tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}

// CHECK: @default_rounding(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.prelu %[[X]] alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = 5> : (
func.func @default_rounding(%x: tensor<ui8>) {
  %r = qnn.prelu %x alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3>
    output_q = <scale = 0.1, zero_point = 5> : (tensor<ui8>) -> tensor<ui8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.prelu %[[X]] alpha = 12 alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = -5> : (
func.func @as_attributes(%x: tensor<4xi8>) {
  %r = "qnn.prelu"(%x) {input_q = #qnn.quantization<scale = 0.05, zero_point = 3>,
    output_q = #qnn.quantization<scale = 0.1, zero_point = -5>, alpha = 12 : i32, alpha_q = #qnn.quantization<scale = 0.01, zero_point = 2>}
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @channels(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.prelu %[[X]] alpha = [12, -7] alpha_q = <scale = 0.01, zero_point = 2> input_q
// GENERIC: "qnn.prelu"({{.*}}) <{alpha = array<i32: 12, -7>,
func.func @channels(%x: tensor<1x4x2xi8>) {
  %r = qnn.prelu %x alpha = [12, -7] alpha_q = <scale = 0.01, zero_point = 2> input_q = <scale = 0.05, zero_point = 3>
    output_q = <scale = 0.1, zero_point = -5> : (tensor<1x4x2xi8>) -> tensor<1x4x2xi8>
  return
}
