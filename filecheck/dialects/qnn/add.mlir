// Fails when a sum mixes up the encodings of its operands, or loses its rounding contract.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @tflite(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1> rounding = tflite : (
// GENERIC: "qnn.add"({{.*}}) <{lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rhs_q = #qnn.quantization<scale = 0.25, zero_point = 0>, output_q = #qnn.quantization<scale = 0.75, zero_point = -1>, rounding = #qnn<rounding tflite>}>
func.func @tflite(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0>
    output_q = <scale = 0.75, zero_point = -1> rounding = tflite
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @default_rounding(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = 1> : (
// GENERIC: "qnn.add"({{.*}}) <{lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rhs_q = #qnn.quantization<scale = 0.25, zero_point = 0>, output_q = #qnn.quantization<scale = 0.75, zero_point = 1>, rounding = #qnn<rounding upward>}>
func.func @default_rounding(%a: tensor<4xui8>, %b: tensor<4xui8>) {
  %r = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0>
    output_q = <scale = 0.75, zero_point = 1>
    : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return
}

// CHECK: @away(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1> rounding = away : (
func.func @away(%a: tensor<i8>, %b: tensor<i8>) {
  %r = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0>
    output_q = <scale = 0.75, zero_point = -1> rounding = away
    : (tensor<i8>, tensor<i8>) -> tensor<i8>
  return
}

// CHECK: @wide(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 0> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = 0> rounding = tflite : (tensor<4xi16>, tensor<4xi16>) -> tensor<4xi16>
func.func @wide(%a: tensor<4xi16>, %b: tensor<4xi16>) {
  %r = qnn.add %a, %b lhs_q = <scale = 0.5> rhs_q = <scale = 0.25> output_q = <scale = 0.75>
    rounding = tflite : (tensor<4xi16>, tensor<4xi16>) -> tensor<4xi16>
  return
}

// CHECK: @as_attributes(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1> : (
func.func @as_attributes(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "qnn.add"(%a, %b) {lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
    rhs_q = #qnn.quantization<scale = 0.25, zero_point = 0>,
    output_q = #qnn.quantization<scale = 0.75, zero_point = -1>}
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_properties(%[[A:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.add %[[A]], %[[B]] lhs_q = <scale = 0.5, zero_point = 3> rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1> : (
func.func @as_properties(%a: tensor<4xi8>, %b: tensor<4xi8>) {
  %r = "qnn.add"(%a, %b) <{lhs_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
    rhs_q = #qnn.quantization<scale = 0.25, zero_point = 0>,
    output_q = #qnn.quantization<scale = 0.75, zero_point = -1>}>
    : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return
}
