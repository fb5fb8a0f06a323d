// Fails when a window, what it divides by, or the code outside the data changes in a round trip.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.avg_pool %[[X]] pool_size = [2] : (
// GENERIC: "sima.avg_pool"({{.*}}) <{pool_size = array<i64: 2>, input_zero_point = 0 : i32}>
func.func @defaults(%x: tensor<1x8x1xi8>) {
  %r = sima.avg_pool %x pool_size = [2] : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.avg_pool %[[X]] pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1] : (
func.func @two_axes(%x: tensor<1x8x8x4xui8>) {
  %r = sima.avg_pool %x pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1]
    : (tensor<1x8x8x4xui8>) -> tensor<1x4x8x4xui8>
  return
}

// CHECK: @padding(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.avg_pool %[[X]] pool_size = [2] padding = [0, 1] input_zero_point = -128 : (
// GENERIC: "sima.avg_pool"({{.*}}) <{pool_size = array<i64: 2>, padding = array<i64: 0, 1>, input_zero_point = -128 : i32}>
func.func @padding(%x: tensor<1x8x1xi8>) {
  %r = sima.avg_pool %x pool_size = [2] padding = [0, 1] input_zero_point = -128
    : (tensor<1x8x1xi8>) -> tensor<1x8x1xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.avg_pool %[[X]] pool_size = [2] : (
func.func @as_attributes(%x: tensor<1x8x1xi8>) {
  %r = "sima.avg_pool"(%x) {pool_size = array<i64: 2>}
    : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.avg_pool %[[X]] pool_size = [2] : (
func.func @as_properties(%x: tensor<1x8x1xi8>) {
  %r = "sima.avg_pool"(%x) <{pool_size = array<i64: 2>}> : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}
