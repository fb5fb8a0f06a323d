// Fails when an integer constant of a softmax changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @constants(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.softmax %[[X]] scale = 1073741824 left_shift = 24 least_difference = -124 : (
// GENERIC: "sima.softmax"({{.*}}) <{scale = 1073741824 : i32, left_shift = 24 : i32, least_difference = -124 : i32}>
func.func @constants(%x: tensor<1x10xi8>) {
  %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = -124
    : (tensor<1x10xi8>) -> tensor<1x10xi8>
  return
}

// CHECK: @largest(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.softmax %[[X]] scale = 2147483647 left_shift = 31 least_difference = 0 : (
func.func @largest(%x: tensor<10xui8>) {
  %r = sima.softmax %x scale = 2147483647 left_shift = 31 least_difference = 0
    : (tensor<10xui8>) -> tensor<10xui8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.softmax %[[X]] scale = 1073741824 left_shift = 24 least_difference = -124 : (
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "sima.softmax"(%x) {scale = 1073741824 : i32, left_shift = 24 : i32,
    least_difference = -124 : i32}
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.softmax %[[X]] scale = 1073741824 left_shift = 24 least_difference = -124 : (
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "sima.softmax"(%x) <{scale = 1073741824 : i32, left_shift = 24 : i32,
    least_difference = -124 : i32}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}
