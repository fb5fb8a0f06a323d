// Fails when qnn.hard_sigmoid loses a property, or its contract, in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @float32(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.hard_sigmoid %[[X]] alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = -5> rounding = float32 : (
// GENERIC: "qnn.hard_sigmoid"({{.*}}) <{alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64, input_q = #qnn.quantization<scale = 0.05, zero_point = 3>, output_q = #qnn.quantization<scale = 0.1, zero_point = -5>, rounding = #qnn<rounding float32>}>
func.func @float32(%x: tensor<1x4xi8>) {
  %r = qnn.hard_sigmoid %x alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 0.05, zero_point = 3>
    output_q = <scale = 0.1, zero_point = -5> rounding = float32 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}

// CHECK: @default_rounding(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.hard_sigmoid %[[X]] alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = 5> : (
func.func @default_rounding(%x: tensor<ui8>) {
  %r = qnn.hard_sigmoid %x alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 0.05, zero_point = 3>
    output_q = <scale = 0.1, zero_point = 5> : (tensor<ui8>) -> tensor<ui8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.hard_sigmoid %[[X]] alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64 input_q = <scale = 0.05, zero_point = 3> output_q = <scale = 0.1, zero_point = -5> : (
func.func @as_attributes(%x: tensor<4xi8>) {
  %r = "qnn.hard_sigmoid"(%x) {input_q = #qnn.quantization<scale = 0.05, zero_point = 3>,
    output_q = #qnn.quantization<scale = 0.1, zero_point = -5>, alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64}
    : (tensor<4xi8>) -> tensor<4xi8>
  return
}
