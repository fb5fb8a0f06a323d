// Fails when a convolution changes its meaning in being printed and read back: in either form, for
// any number of spatial axes, however its properties are spelt.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] : (
// GENERIC: "qnn.conv"({{.*}}) <{input_zero_point = 0 : i32, kernel_zero_point = 0 : i32}>
func.func @defaults(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @one_axis(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] strides = [2] padding = [1, 0] dilations = [3] : (
// GENERIC: "qnn.conv"({{.*}}) <{strides = array<i64: 2>, padding = array<i64: 1, 0>, dilations = array<i64: 3>
func.func @one_axis(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w strides = [2] padding = [1, 0] dilations = [3]
    : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x2x2xi32>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] strides = [2, 1] padding = [0, 1, 1, 1] : (
// GENERIC: "qnn.conv"({{.*}}) <{strides = array<i64: 2, 1>, padding = array<i64: 0, 1, 1, 1>
func.func @two_axes(%x: tensor<1x8x8x3xi8>, %w: tensor<3x3x3x1x4xi8>) {
  %r = qnn.conv %x, %w strides = [2, 1] padding = [0, 1, 1, 1]
    : (tensor<1x8x8x3xi8>, tensor<3x3x3x1x4xi8>) -> tensor<1x4x8x4xi32>
  return
}

// CHECK: @three_axes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] padding = [0, 0, 1, 0, 1, 1] : (
// GENERIC: "qnn.conv"({{.*}}) <{padding = array<i64: 0, 0, 1, 0, 1, 1>
func.func @three_axes(%x: tensor<1x4x4x4x1xi8>, %w: tensor<1x2x3x1x1x2xi8>) {
  %r = qnn.conv %x, %w padding = [0, 0, 1, 0, 1, 1]
    : (tensor<1x4x4x4x1xi8>, tensor<1x2x3x1x1x2xi8>) -> tensor<1x4x4x4x2xi32>
  return
}

// CHECK: @groups(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] : (
func.func @groups(%x: tensor<1x4x6xi8>, %w: tensor<1x3x2x5xi8>) {
  %r = qnn.conv %x, %w : (tensor<1x4x6xi8>, tensor<1x3x2x5xi8>) -> tensor<1x4x10xi32>
  return
}

// CHECK: @zero_points(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] input_zero_point = 255 kernel_zero_point = 7 : (
// GENERIC: "qnn.conv"({{.*}}) <{input_zero_point = 255 : i32, kernel_zero_point = 7 : i32
func.func @zero_points(%x: tensor<1x8x1xui8>, %w: tensor<3x1x1x2xui8>) {
  %r = qnn.conv %x, %w input_zero_point = 255 kernel_zero_point = 7
    : (tensor<1x8x1xui8>, tensor<3x1x1x2xui8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @sixteen_bits(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] input_zero_point = -32768 : (
func.func @sixteen_bits(%x: tensor<1x8x1xi16>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w input_zero_point = -32768
    : (tensor<1x8x1xi16>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @empty_batch(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] : (
func.func @empty_batch(%x: tensor<0x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w : (tensor<0x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<0x6x2xi32>
  return
}

// CHECK: @largest_stride(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] strides = [9223372036854775807] : (
func.func @largest_stride(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w strides = [9223372036854775807]
    : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x1x2xi32>
  return
}

// CHECK: @note(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] {note = "kept"} : (
// GENERIC: "qnn.conv"({{.*}}) <{input_zero_point = 0 : i32, kernel_zero_point = 0 : i32}> {note = "kept"}
func.func @note(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w {note = "kept"} : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @generic_without_properties(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] : (
func.func @generic_without_properties(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = "qnn.conv"(%x, %w) : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] strides = [2] : (
func.func @as_attributes(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = "qnn.conv"(%x, %w) {strides = array<i64: 2>}
    : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x3x2xi32>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] strides = [2] : (
func.func @as_properties(%x: tensor<1x8x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = "qnn.conv"(%x, %w) <{strides = array<i64: 2>}>
    : (tensor<1x8x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x3x2xi32>
  return
}

// CHECK: @accumulators_of_64_bits(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv %[[X]], %[[W]] : {{.*}} -> tensor<1x6x2xi64>
func.func @accumulators_of_64_bits(%x: tensor<1x8x1xi16>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv %x, %w : (tensor<1x8x1xi16>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi64>
  return
}
