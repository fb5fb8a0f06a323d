// Fails when beta or an encoding of a softmax changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @default_beta(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.softmax %[[X]] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625, zero_point = -128> : (
// GENERIC: "qnn.softmax"({{.*}}) <{input_q = #qnn.quantization<scale = 0.5, zero_point = 3>, output_q = #qnn.quantization<scale = 0.00390625, zero_point = -128>, beta = 1.000000e+00 : f64}>
func.func @default_beta(%x: tensor<1x10xi8>) {
  %r = qnn.softmax %x input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625,
    zero_point = -128>
    : (tensor<1x10xi8>) -> tensor<1x10xi8>
  return
}

// CHECK: @beta(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.softmax %[[X]] beta = 1.000000e-01 : f64 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625, zero_point = 0> : (
func.func @beta(%x: tensor<1x10xui8>) {
  %r = qnn.softmax %x beta = 0.1 : f64 input_q = <scale = 0.5, zero_point = 3>
    output_q = <scale = 0.00390625, zero_point = 0>
    : (tensor<1x10xui8>) -> tensor<1x10xui8>
  return
}

// CHECK: @beta_without_type(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.softmax %[[X]] beta = 2.000000e+00 : f64 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625, zero_point = -128> : (
func.func @beta_without_type(%x: tensor<10xi8>) {
  %r = qnn.softmax %x beta = 2.0 input_q = <scale = 0.5, zero_point = 3>
    output_q = <scale = 0.00390625, zero_point = -128>
    : (tensor<10xi8>) -> tensor<10xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.softmax %[[X]] beta = 5.000000e-01 : f64 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625, zero_point = -128> : (
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "qnn.softmax"(%x) {beta = 0.5 : f64, input_q = #qnn.quantization<scale = 0.5,
    zero_point = 3>,
    output_q = #qnn.quantization<scale = 0.00390625, zero_point = -128>}
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.softmax %[[X]] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.00390625, zero_point = -128> : (
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "qnn.softmax"(%x) <{input_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
    output_q = #qnn.quantization<scale = 0.00390625, zero_point = -128>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}
