// Fails when a transposed convolution changes its meaning in being printed and read back: in either
// form, for any number of spatial axes.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] : (
// GENERIC: "qnn.conv_transpose"({{.*}}) <{input_zero_point = 0 : i32, kernel_zero_point = 0 : i32}>
func.func @defaults(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @one_axis(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] strides = [2] padding = [1, 0] output_padding = [1] : (
// GENERIC: "qnn.conv_transpose"({{.*}}) <{strides = array<i64: 2>, padding = array<i64: 1, 0>, output_padding = array<i64: 1>
func.func @one_axis(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w strides = [2] padding = [1, 0] output_padding = [1]
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x9x2xi32>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] strides = [2, 1] padding = [0, 1, 1, 1] : (
func.func @two_axes(%x: tensor<1x4x4x3xi8>, %w: tensor<3x3x3x1x4xi8>) {
  %r = qnn.conv_transpose %x, %w strides = [2, 1] padding = [0, 1, 1, 1]
    : (tensor<1x4x4x3xi8>, tensor<3x3x3x1x4xi8>) -> tensor<1x8x4x4xi32>
  return
}

// CHECK: @three_axes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] output_padding = [0, 1, 2] : (
func.func @three_axes(%x: tensor<1x4x4x4x1xi8>, %w: tensor<1x2x3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w output_padding = [0, 1, 2]
    : (tensor<1x4x4x4x1xi8>, tensor<1x2x3x1x1x2xi8>) -> tensor<1x4x6x8x2xi32>
  return
}

// CHECK: @groups(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] : (
func.func @groups(%x: tensor<1x4x6xi8>, %w: tensor<1x3x2x5xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x6xi8>, tensor<1x3x2x5xi8>) -> tensor<1x4x10xi32>
  return
}

// CHECK: @zero_points(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] input_zero_point = 255 kernel_zero_point = 7 : (
func.func @zero_points(%x: tensor<1x4x1xui8>, %w: tensor<3x1x1x2xui8>) {
  %r = qnn.conv_transpose %x, %w input_zero_point = 255 kernel_zero_point = 7
    : (tensor<1x4x1xui8>, tensor<3x1x1x2xui8>) -> tensor<1x6x2xi32>
  return
}

// CHECK: @empty_batch(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] : (
func.func @empty_batch(%x: tensor<0x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<0x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<0x6x2xi32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] strides = [2] : (
func.func @as_attributes(%x: tensor<1x4x1xi8>, %w: tensor<3x1x1x2xi8>) {
  %r = "qnn.conv_transpose"(%x, %w) {strides = array<i64: 2>}
    : (tensor<1x4x1xi8>, tensor<3x1x1x2xi8>) -> tensor<1x9x2xi32>
  return
}

// CHECK: @accumulators_of_64_bits(%[[X:[a-z0-9]+]]: {{.*}}, %[[W:[a-z0-9]+]]:
// CHECK-NEXT: qnn.conv_transpose %[[X]], %[[W]] : {{.*}} -> tensor<1x6x2xi64>
func.func @accumulators_of_64_bits(%x: tensor<1x4x1xi16>, %w: tensor<3x1x1x2xi8>) {
  %r = qnn.conv_transpose %x, %w : (tensor<1x4x1xi16>, tensor<3x1x1x2xi8>) -> tensor<1x6x2xi64>
  return
}
