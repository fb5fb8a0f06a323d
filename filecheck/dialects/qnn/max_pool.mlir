// Fails when a window changes in being printed and read back, or a default one is printed.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.max_pool %[[X]] pool_size = [2] : (
// GENERIC: "qnn.max_pool"({{.*}}) <{pool_size = array<i64: 2>}>
func.func @defaults(%x: tensor<1x8x1xi8>) {
  %r = qnn.max_pool %x pool_size = [2] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.max_pool %[[X]] pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1] : (
// GENERIC: "qnn.max_pool"({{.*}}) <{pool_size = array<i64: 2, 3>, strides = array<i64: 2, 1>, padding = array<i64: 0, 1, 0, 1>}>
func.func @two_axes(%x: tensor<1x8x8x4xui8>) {
  %r = qnn.max_pool %x pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1]
    : (tensor<1x8x8x4xui8>) -> tensor<1x4x8x4xui8>
  return
}

// CHECK: @three_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.max_pool %[[X]] pool_size = [1, 2, 1] : (
func.func @three_axes(%x: tensor<1x2x2x2x1xi16>) {
  %r = qnn.max_pool %x pool_size = [1, 2, 1] : (tensor<1x2x2x2x1xi16>) -> tensor<1x2x1x2x1xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.max_pool %[[X]] pool_size = [2] strides = [2] : (
func.func @as_attributes(%x: tensor<1x8x1xi8>) {
  %r = "qnn.max_pool"(%x) {pool_size = array<i64: 2>, strides = array<i64: 2>}
    : (tensor<1x8x1xi8>) -> tensor<1x4x1xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.max_pool %[[X]] pool_size = [2] strides = [2] : (
func.func @as_properties(%x: tensor<1x8x1xi8>) {
  %r = "qnn.max_pool"(%x) <{pool_size = array<i64: 2>, strides = array<i64: 2>}>
    : (tensor<1x8x1xi8>) -> tensor<1x4x1xi8>
  return
}
