// Fails when an operand or the axis is lost in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @two(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: sima.concat %[[X]], %[[Y]] axis = 1 : (
// GENERIC: "sima.concat"({{.*}}) <{axis = 1 : i64}>
func.func @two(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = sima.concat %x, %y axis = 1
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// CHECK: @one(%[[X:[a-z0-9]+]]: tensor<2x3x4xui8>)
// CHECK-NEXT: sima.concat %[[X]] axis = 0 : (
func.func @one(%x: tensor<2x3x4xui8>) {
  %r = sima.concat %x axis = 0
    : (tensor<2x3x4xui8>) -> tensor<2x3x4xui8>
  return
}

// CHECK: @three(%[[X:[a-z0-9]+]]: tensor<1xi16>, %[[Y:[a-z0-9]+]]: tensor<0xi16>, %[[Z:[a-z0-9]+]]: tensor<2xi16>)
// CHECK-NEXT: sima.concat %[[X]], %[[Y]], %[[Z]] axis = 0 : (
func.func @three(%x: tensor<1xi16>, %y: tensor<0xi16>, %z: tensor<2xi16>) {
  %r = sima.concat %x, %y, %z axis = 0
    : (tensor<1xi16>, tensor<0xi16>, tensor<2xi16>) -> tensor<3xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: sima.concat %[[X]], %[[Y]] axis = 1 : (
func.func @as_attributes(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = "sima.concat"(%x, %y) {axis = 1 : i64}
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]: tensor<1x4xi8>, %[[Y:[a-z0-9]+]]: tensor<1x2xi8>)
// CHECK-NEXT: sima.concat %[[X]], %[[Y]] axis = 1 : (
func.func @as_properties(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = "sima.concat"(%x, %y) <{axis = 1 : i64}>
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}
