// Fails when a reshape that keeps every element is refused or can not be read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @flatten(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.reshape %[[X]] : (
// GENERIC: "qnn.reshape"({{.*}}) : (
func.func @flatten(%x: tensor<1x2x2x8xi8>) {
  %r = qnn.reshape %x : (tensor<1x2x2x8xi8>) -> tensor<1x32xi8>
  return
}

// CHECK: @to_scalar(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.reshape %[[X]] : (
func.func @to_scalar(%x: tensor<1x1xi32>) {
  %r = qnn.reshape %x : (tensor<1x1xi32>) -> tensor<i32>
  return
}

// CHECK: @empty(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.reshape %[[X]] : (
func.func @empty(%x: tensor<0x4xi8>) {
  %r = qnn.reshape %x : (tensor<0x4xi8>) -> tensor<2x0xi8>
  return
}

// CHECK: @generic(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.reshape %[[X]] : (
func.func @generic(%x: tensor<4xi8>) {
  %r = "qnn.reshape"(%x) : (tensor<4xi8>) -> tensor<2x2xi8>
  return
}
