// Fails when a broadcast that repeats axes of size 1 is refused or can not be read back.
// RUN: SIMA_ROUNDTRIP

// CHECK: @repeat(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.broadcast_to %[[X]] : (
func.func @repeat(%x: tensor<1x1x1x4xi8>) {
  %r = sima.broadcast_to %x : (tensor<1x1x1x4xi8>) -> tensor<1x2x3x4xi8>
  return
}

// CHECK: @more_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.broadcast_to %[[X]] : (
func.func @more_axes(%x: tensor<3x1xui8>) {
  %r = sima.broadcast_to %x : (tensor<3x1xui8>) -> tensor<2x3x4xui8>
  return
}

// CHECK: @same(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.broadcast_to %[[X]] : (
func.func @same(%x: tensor<2x3xi32>) {
  %r = sima.broadcast_to %x : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return
}

// CHECK: @scalar(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.broadcast_to %[[X]] : (
func.func @scalar(%x: tensor<i16>) {
  %r = sima.broadcast_to %x : (tensor<i16>) -> tensor<0x2xi16>
  return
}

// CHECK: @generic(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.broadcast_to %[[X]] : (
func.func @generic(%x: tensor<1x1x1x4xi8>) {
  %r = "sima.broadcast_to"(%x) : (tensor<1x1x1x4xi8>) -> tensor<1x2x3x4xi8>
  return
}
