// Fails when a slice mixes up its axes, or a default stride is printed.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @strided(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.slice %[[X]] starts = [0, 1, 0] strides = [1, 2, 1] : (
// GENERIC: "sima.slice"({{.*}}) <{starts = array<i64: 0, 1, 0>, strides = array<i64: 1, 2, 1>}>
func.func @strided(%x: tensor<1x8x3xi8>) {
  %r = sima.slice %x starts = [0, 1, 0] strides = [1, 2, 1] : (tensor<1x8x3xi8>) -> tensor<1x4x3xi8>
  return
}

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.slice %[[X]] starts = [2, 0] : (
func.func @defaults(%x: tensor<8x3xui8>) {
  %r = sima.slice %x starts = [2, 0] : (tensor<8x3xui8>) -> tensor<5x3xui8>
  return
}

// CHECK: @nothing(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.slice %[[X]] starts = [8] : (
func.func @nothing(%x: tensor<8xi32>) {
  %r = sima.slice %x starts = [8] : (tensor<8xi32>) -> tensor<0xi32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.slice %[[X]] starts = [0, 1, 0] strides = [1, 2, 1] : (
func.func @as_attributes(%x: tensor<1x8x3xi8>) {
  %r = "sima.slice"(%x) {starts = array<i64: 0, 1, 0>, strides = array<i64: 1, 2, 1>}
    : (tensor<1x8x3xi8>) -> tensor<1x4x3xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.slice %[[X]] starts = [0, 1, 0] strides = [1, 2, 1] : (
func.func @as_properties(%x: tensor<1x8x3xi8>) {
  %r = "sima.slice"(%x) <{starts = array<i64: 0, 1, 0>, strides = array<i64: 1, 2, 1>}>
    : (tensor<1x8x3xi8>) -> tensor<1x4x3xi8>
  return
}
