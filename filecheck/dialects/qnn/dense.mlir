// Fails when a matrix product loses a zero point, or prints one that is the default.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] : (
// GENERIC: "qnn.dense"({{.*}}) <{input_zero_point = 0 : i32, kernel_zero_point = 0 : i32}>
func.func @defaults(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}

// CHECK: @zero_points(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] input_zero_point = 128 kernel_zero_point = 3 : (
// GENERIC: "qnn.dense"({{.*}}) <{input_zero_point = 128 : i32, kernel_zero_point = 3 : i32
func.func @zero_points(%x: tensor<1x4xui8>, %w: tensor<2x4xui8>) {
  %r = qnn.dense %x, %w input_zero_point = 128 kernel_zero_point = 3
    : (tensor<1x4xui8>, tensor<2x4xui8>) -> tensor<1x2xi32>
  return
}

// CHECK: @leading_axes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] : (
func.func @leading_axes(%x: tensor<2x3x4xi8>, %w: tensor<5x4xi8>) {
  %r = qnn.dense %x, %w : (tensor<2x3x4xi8>, tensor<5x4xi8>) -> tensor<2x3x5xi32>
  return
}

// CHECK: @vector(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] : (
func.func @vector(%x: tensor<4xi8>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w : (tensor<4xi8>, tensor<2x4xi8>) -> tensor<2xi32>
  return
}

// CHECK: @generic_without_properties(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] : (
func.func @generic_without_properties(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = "qnn.dense"(%x, %w) : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] input_zero_point = -3 : (
func.func @as_attributes(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = "qnn.dense"(%x, %w) {input_zero_point = -3 : i32}
    : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] input_zero_point = -3 : (
func.func @as_properties(%x: tensor<1x4xi8>, %w: tensor<2x4xi8>) {
  %r = "qnn.dense"(%x, %w) <{input_zero_point = -3 : i32}>
    : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  return
}

// CHECK: @accumulators_of_64_bits(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.dense %[[X]], %[[W]] : {{.*}} -> tensor<1x2xi64>
func.func @accumulators_of_64_bits(%x: tensor<1x4xi16>, %w: tensor<2x4xi8>) {
  %r = qnn.dense %x, %w : (tensor<1x4xi16>, tensor<2x4xi8>) -> tensor<1x2xi64>
  return
}
