// Fails when a transposition loses or mixes up its axes.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @channels_last(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.transpose %[[X]] permutation = [0, 2, 3, 1] : (
// GENERIC: "sima.transpose"({{.*}}) <{permutation = array<i64: 0, 2, 3, 1>}>
func.func @channels_last(%x: tensor<1x3x8x9xi8>) {
  %r = sima.transpose %x permutation = [0, 2, 3, 1] : (tensor<1x3x8x9xi8>) -> tensor<1x8x9x3xi8>
  return
}

// CHECK: @accumulators(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.transpose %[[X]] permutation = [1, 0] : (
func.func @accumulators(%x: tensor<2x3xi32>) {
  %r = sima.transpose %x permutation = [1, 0] : (tensor<2x3xi32>) -> tensor<3x2xi32>
  return
}

// CHECK: @scalar(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.transpose %[[X]] permutation = [] : (
func.func @scalar(%x: tensor<ui8>) {
  %r = sima.transpose %x permutation = [] : (tensor<ui8>) -> tensor<ui8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.transpose %[[X]] permutation = [0, 2, 3, 1] : (
func.func @as_attributes(%x: tensor<1x3x8x9xi8>) {
  %r = "sima.transpose"(%x) {permutation = array<i64: 0, 2, 3, 1>}
    : (tensor<1x3x8x9xi8>) -> tensor<1x8x9x3xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.transpose %[[X]] permutation = [0, 2, 3, 1] : (
func.func @as_properties(%x: tensor<1x3x8x9xi8>) {
  %r = "sima.transpose"(%x) <{permutation = array<i64: 0, 2, 3, 1>}>
    : (tensor<1x3x8x9xi8>) -> tensor<1x8x9x3xi8>
  return
}
