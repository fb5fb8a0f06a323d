// Fails when the size or the order of blocks changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @blocks(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.depth_to_space %[[X]] block_size = 2 : (
// GENERIC: "sima.depth_to_space"({{.*}}) <{block_size = 2 : i64}>
func.func @blocks(%x: tensor<1x2x3x8xi8>) {
  %r = sima.depth_to_space %x block_size = 2 : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi8>
  return
}

// CHECK: @crd(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.depth_to_space %[[X]] block_size = 2 crd : (
// GENERIC: "sima.depth_to_space"({{.*}}) <{block_size = 2 : i64, crd}>
func.func @crd(%x: tensor<1x2x3x8xui8>) {
  %r = sima.depth_to_space %x block_size = 2 crd : (tensor<1x2x3x8xui8>) -> tensor<1x4x6x2xui8>
  return
}

// CHECK: @one(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.depth_to_space %[[X]] block_size = 1 : (
func.func @one(%x: tensor<1x2x3x5xi32>) {
  %r = sima.depth_to_space %x block_size = 1 : (tensor<1x2x3x5xi32>) -> tensor<1x2x3x5xi32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.depth_to_space %[[X]] block_size = 2 : (
func.func @as_attributes(%x: tensor<1x2x3x8xi8>) {
  %r = "sima.depth_to_space"(%x) {block_size = 2 : i64}
    : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.depth_to_space %[[X]] block_size = 2 : (
func.func @as_properties(%x: tensor<1x2x3x8xi8>) {
  %r = "sima.depth_to_space"(%x) <{block_size = 2 : i64}>
    : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi8>
  return
}
