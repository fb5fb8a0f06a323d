// Fails when a window, what it divides by, or an encoding changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @defaults(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.avg_pool %[[X]] pool_size = [2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.avg_pool"({{.*}}) <{pool_size = array<i64: 2>, input_q = #qnn.quantization<scale = 0.5, zero_point = 3>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>, rounding = #qnn<rounding upward>}>
func.func @defaults(%x: tensor<1x8x1xi8>) {
  %r = qnn.avg_pool %x pool_size = [2] input_q = <scale = 0.5, zero_point = 3>
    output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// CHECK: @two_axes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.avg_pool %[[X]] pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> rounding = tflite : (
func.func @two_axes(%x: tensor<1x8x8x4xui8>) {
  %r = qnn.avg_pool %x pool_size = [2, 3] strides = [2, 1] padding = [0, 1, 0, 1]
    input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3>
    rounding = tflite
    : (tensor<1x8x8x4xui8>) -> tensor<1x4x8x4xui8>
  return
}

// CHECK: @count_include_pad(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.avg_pool %[[X]] pool_size = [2] padding = [0, 1] count_include_pad input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
// GENERIC: "qnn.avg_pool"({{.*}}) <{pool_size = array<i64: 2>, padding = array<i64: 0, 1>, count_include_pad, input_q = #qnn.quantization<scale = 0.5, zero_point = 3>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>
func.func @count_include_pad(%x: tensor<1x8x1xi8>) {
  %r = qnn.avg_pool %x pool_size = [2] padding = [0, 1] count_include_pad input_q = <scale = 0.5,
    zero_point = 3> output_q = <scale = 0.5, zero_point = 3>
    : (tensor<1x8x1xi8>) -> tensor<1x8x1xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.avg_pool %[[X]] pool_size = [2] count_include_pad input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_attributes(%x: tensor<1x8x1xi8>) {
  %r = "qnn.avg_pool"(%x) {pool_size = array<i64: 2>, count_include_pad,
    input_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
    output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}
    : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: qnn.avg_pool %[[X]] pool_size = [2] input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3> : (
func.func @as_properties(%x: tensor<1x8x1xi8>) {
  %r = "qnn.avg_pool"(%x) <{pool_size = array<i64: 2>,
    input_q = #qnn.quantization<scale = 0.5,
    zero_point = 3>, output_q = #qnn.quantization<scale = 0.5, zero_point = 3>}>
    : (tensor<1x8x1xi8>) -> tensor<1x7x1xi8>
  return
}
