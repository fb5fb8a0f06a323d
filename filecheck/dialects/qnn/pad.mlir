// Fails when a padding mixes up its axes or loses the code that it writes.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @around(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.pad %[[X]] padding = [0, 1, 2, 3] value = -128 : (
// GENERIC: "qnn.pad"({{.*}}) <{padding = array<i64: 0, 1, 2, 3>, value = -128 : i32}>
func.func @around(%x: tensor<1x8xi8>) {
  %r = qnn.pad %x padding = [0, 1, 2, 3] value = -128 : (tensor<1x8xi8>) -> tensor<3x12xi8>
  return
}

// CHECK: @nothing(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.pad %[[X]] padding = [0, 0] value = 255 : (
func.func @nothing(%x: tensor<8xui8>) {
  %r = qnn.pad %x padding = [0, 0] value = 255 : (tensor<8xui8>) -> tensor<8xui8>
  return
}

// CHECK: @from_nothing(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.pad %[[X]] padding = [1, 1] value = -32768 : (
func.func @from_nothing(%x: tensor<0xi16>) {
  %r = qnn.pad %x padding = [1, 1] value = -32768 : (tensor<0xi16>) -> tensor<2xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.pad %[[X]] padding = [0, 1] value = 3 : (
func.func @as_attributes(%x: tensor<8xi8>) {
  %r = "qnn.pad"(%x) {padding = array<i64: 0, 1>, value = 3 : i32} : (tensor<8xi8>) -> tensor<9xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.pad %[[X]] padding = [0, 1] value = 3 : (
func.func @as_properties(%x: tensor<8xi8>) {
  %r = "qnn.pad"(%x) <{padding = array<i64: 0, 1>, value = 3 : i32}>
    : (tensor<8xi8>) -> tensor<9xi8>
  return
}
