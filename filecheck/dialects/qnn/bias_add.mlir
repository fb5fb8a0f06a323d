// Fails when a bias addition can be written in one form and not read in the other.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @channels(%[[X:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.bias_add %[[X]], %[[B]] : (
// GENERIC: "qnn.bias_add"({{.*}}) : (
func.func @channels(%x: tensor<1x4x8xi32>, %b: tensor<8xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<1x4x8xi32>, tensor<8xi32>) -> tensor<1x4x8xi32>
  return
}

// CHECK: @vector(%[[X:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.bias_add %[[X]], %[[B]] : (
func.func @vector(%x: tensor<8xi32>, %b: tensor<8xi32>) {
  %r = qnn.bias_add %x, %b : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
  return
}

// CHECK: @generic(%[[X:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.bias_add %[[X]], %[[B]] : (
func.func @generic(%x: tensor<1x8xi32>, %b: tensor<8xi32>) {
  %r = "qnn.bias_add"(%x, %b) : (tensor<1x8xi32>, tensor<8xi32>) -> tensor<1x8xi32>
  return
}

// CHECK: @sixty_four_bits(%[[X:[a-z0-9]+]]: {{.*}}, %[[B:[a-z0-9]+]]:
// CHECK-NEXT: qnn.bias_add %[[X]], %[[B]] : {{.*}} -> tensor<1x8xi64>
func.func @sixty_four_bits(%x: tensor<1x8xi64>, %b: tensor<8xi64>) {
  %r = qnn.bias_add %x, %b : (tensor<1x8xi64>, tensor<8xi64>) -> tensor<1x8xi64>
  return
}
