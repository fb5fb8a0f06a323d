// Fails when a clamp loses a limit, its sign, or the width of its codes.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @codes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.clip %[[X]] min = -128 max = 33 : (
// GENERIC: "sima.clip"({{.*}}) <{min = -128 : i32, max = 33 : i32}>
func.func @codes(%x: tensor<4xi8>) {
  %r = sima.clip %x min = -128 max = 33 : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @one_value(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.clip %[[X]] min = 6 max = 6 : (
func.func @one_value(%x: tensor<4xui8>) {
  %r = sima.clip %x min = 6 max = 6 : (tensor<4xui8>) -> tensor<4xui8>
  return
}

// CHECK: @accumulators(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.clip %[[X]] min = -2147483648 max = 2147483647 : (
func.func @accumulators(%x: tensor<i32>) {
  %r = sima.clip %x min = -2147483648 max = 2147483647 : (tensor<i32>) -> tensor<i32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.clip %[[X]] min = 0 max = 6 : (
func.func @as_attributes(%x: tensor<4xi8>) {
  %r = "sima.clip"(%x) {min = 0 : i32, max = 6 : i32} : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.clip %[[X]] min = 0 max = 6 : (
func.func @as_properties(%x: tensor<4xi8>) {
  %r = "sima.clip"(%x) <{min = 0 : i32, max = 6 : i32}> : (tensor<4xi8>) -> tensor<4xi8>
  return
}
