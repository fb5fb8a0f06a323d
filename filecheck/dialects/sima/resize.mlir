// Fails when a place that a resize takes changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @nearest(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.resize %[[X]] steps = [1, 2] offsets = [0, -1] divisors = [2, 3] : (
// GENERIC: "sima.resize"({{.*}}) <{steps = array<i32: 1, 2>, offsets = array<i32: 0, -1>, divisors = array<i32: 2, 3>}>
func.func @nearest(%x: tensor<1x2x2x4xi8>) {
  %r = sima.resize %x steps = [1, 2] offsets = [0, -1] divisors = [2, 3] : (tensor<1x2x2x4xi8>) -> tensor<1x4x3x4xi8>
  return
}

// CHECK: @linear(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.resize %[[X]] steps = [512] offsets = [-256] divisors = [1024] linear : (
func.func @linear(%x: tensor<2x5x3xui8>) {
  %r = sima.resize %x steps = [512] offsets = [-256] divisors = [1024] linear : (tensor<2x5x3xui8>) -> tensor<2x10x3xui8>
  return
}

// CHECK: @to_nothing(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.resize %[[X]] steps = [0] offsets = [0] divisors = [1] : (
func.func @to_nothing(%x: tensor<1x1x1xi16>) {
  %r = sima.resize %x steps = [0] offsets = [0] divisors = [1] : (tensor<1x1x1xi16>) -> tensor<1x0x1xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.resize %[[X]] steps = [1, 2] offsets = [0, -1] divisors = [2, 3] : (
func.func @as_attributes(%x: tensor<1x2x2x4xi8>) {
  %r = "sima.resize"(%x) {steps = array<i32: 1, 2>, offsets = array<i32: 0, -1>, divisors = array<i32: 2, 3>}
    : (tensor<1x2x2x4xi8>) -> tensor<1x4x3x4xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.resize %[[X]] steps = [1, 2] offsets = [0, -1] divisors = [2, 3] : (
func.func @as_properties(%x: tensor<1x2x2x4xi8>) {
  %r = "sima.resize"(%x) <{steps = array<i32: 1, 2>, offsets = array<i32: 0, -1>, divisors = array<i32: 2, 3>}>
    : (tensor<1x2x2x4xi8>) -> tensor<1x4x3x4xi8>
  return
}
