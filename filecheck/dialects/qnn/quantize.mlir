// Fails when the way from real numbers to codes loses its scale, zero point or ties.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @away(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.quantize %[[X]] output_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.quantize"({{.*}}) <{output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding away>
func.func @away(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// CHECK: @to_even(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.quantize %[[X]] output_q = <scale = 0.5, zero_point = 3> rounding = float32 : (
// GENERIC: "qnn.quantize"({{.*}}) <{output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding float32>
func.func @to_even(%x: tensor<1x2xf32>) {
  %r = qnn.quantize %x output_q = <scale = 0.5, zero_point = 3> rounding = float32
    : (tensor<1x2xf32>) -> tensor<1x2xui8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.quantize %[[X]] output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_attributes(%x: tensor<1x2xf32>) {
  %r = "qnn.quantize"(%x) {output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}
    : (tensor<1x2xf32>) -> tensor<1x2xi16>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.quantize %[[X]] output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_properties(%x: tensor<1x2xf32>) {
  %r = "qnn.quantize"(%x) <{output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}>
    : (tensor<1x2xf32>) -> tensor<1x2xi16>
  return
}
