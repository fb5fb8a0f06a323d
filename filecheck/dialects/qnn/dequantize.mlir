// Fails when the way from codes to real numbers loses a scale or the zero point.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @per_tensor(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dequantize %[[X]] input_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.dequantize"({{.*}}) <{input_q = #qnn.quantization<scale = 0.5, zero_point = 3>
func.func @per_tensor(%x: tensor<1x2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return
}

// CHECK: @per_channel(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dequantize %[[X]] input_q = <scale = [0.5, 0.25], zero_point = 0> : (
// GENERIC: "qnn.dequantize"({{.*}}) <{input_q = #qnn.quantization<scale = [0.5, 0.25], zero_point = 0>
func.func @per_channel(%x: tensor<1x2xi32>) {
  %r = qnn.dequantize %x input_q = <scale = [0.5, 0.25], zero_point = 0>
    : (tensor<1x2xi32>) -> tensor<1x2xf32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dequantize %[[X]] input_q = <scale = 0.5, zero_point = 3> : (
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "qnn.dequantize"(%x) {input_q = #qnn.quantization<scale = 0.5, zero_point = 3>}
    : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dequantize %[[X]] input_q = <scale = 0.5, zero_point = 3> : (
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "qnn.dequantize"(%x) <{input_q = #qnn.quantization<scale = 0.5, zero_point = 3>}>
    : (tensor<1x2xi8>) -> tensor<1x2xf32>
  return
}
