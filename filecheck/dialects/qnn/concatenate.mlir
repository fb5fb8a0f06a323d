// Fails when an operand, its encoding or the axis is lost in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @two(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: qnn.concatenate %[[X]], %[[Y]] axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>] output_q = <scale = 0.5, zero_point = 3> rounding = away : (
// GENERIC: "qnn.concatenate"({{.*}}) <{axis = 1 : i64, input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>], output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding away>}>
func.func @two(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = qnn.concatenate %x, %y axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>] output_q = <scale = 0.5, zero_point = 3> rounding = away
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// CHECK: @one(%[[X:[a-z0-9]+]]: tensor<2x3x4xui8>)
// CHECK-NEXT: qnn.concatenate %[[X]] axis = 0 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3> : (
func.func @one(%x: tensor<2x3x4xui8>) {
  %r = qnn.concatenate %x axis = 0 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<2x3x4xui8>) -> tensor<2x3x4xui8>
  return
}

// CHECK: @three(%[[X:[a-z0-9]+]]: tensor<1xi16>, %[[Y:[a-z0-9]+]]: tensor<0xi16>, %[[Z:[a-z0-9]+]]: tensor<2xi16>)
// CHECK-NEXT: qnn.concatenate %[[X]], %[[Y]], %[[Z]] axis = 0 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3> : (
func.func @three(%x: tensor<1xi16>, %y: tensor<0xi16>, %z: tensor<2xi16>) {
  %r = qnn.concatenate %x, %y, %z axis = 0 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1xi16>, tensor<0xi16>, tensor<2xi16>) -> tensor<3xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: qnn.concatenate %[[X]], %[[Y]] axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>] output_q = <scale = 0.5, zero_point = 3> rounding = away : (
func.func @as_attributes(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = "qnn.concatenate"(%x, %y) {axis = 1 : i64, input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>], output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding away>}
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: qnn.concatenate %[[X]], %[[Y]] axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>] output_q = <scale = 0.5, zero_point = 3> rounding = away : (
func.func @as_properties(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = "qnn.concatenate"(%x, %y) <{axis = 1 : i64, input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 0>], output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding away>}>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}
