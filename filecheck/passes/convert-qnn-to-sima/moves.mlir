// If this fails, an operation that only moves codes loses what it says of them in the lowering.
// RUN: sima-opt %s --split-input-file -p convert-qnn-to-sima | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite certify=true}' | filecheck %s --check-prefix=TFLITE

// CHECK-LABEL: @moves
// CHECK: sima.transpose %{{.*}} permutation = [0, 2, 1, 3] :
// CHECK: sima.slice %{{.*}} starts = [0, 1, 0, 2] strides = [1, 2, 1, 1] :
// CHECK: sima.broadcast_to %{{.*}} : (tensor<1x1x4x6xi8>) -> tensor<1x3x4x6xi8>
// CHECK: sima.space_to_depth %{{.*}} block_size = 2 :
// CHECK: sima.depth_to_space %{{.*}} block_size = 2 crd :
// CHECK: sima.resize %{{.*}} steps = [1, 1] offsets = [0, 0] divisors = [2, 2] :
// CHECK: sima.resize %{{.*}} steps = [512, 511] offsets = [-256, -257] divisors = [1024, 1024] linear :
func.func @moves(%x: tensor<1x4x4x8xi8>) -> (tensor<1x2x4x6xi8>, tensor<1x3x4x6xi8>, tensor<1x4x4x8xi8>, tensor<1x8x8x8xi8>, tensor<1x8x8x8xi8>) {
  %0 = qnn.transpose %x permutation = [0, 2, 1, 3] : (tensor<1x4x4x8xi8>) -> tensor<1x4x4x8xi8>
  %1 = qnn.slice %0 starts = [0, 1, 0, 2] strides = [1, 2, 1, 1] : (tensor<1x4x4x8xi8>) -> tensor<1x2x4x6xi8>
  %2 = qnn.slice %0 starts = [0, 1, 0, 2] : (tensor<1x4x4x8xi8>) -> tensor<1x1x4x6xi8>
  %3 = qnn.broadcast_to %2 : (tensor<1x1x4x6xi8>) -> tensor<1x3x4x6xi8>
  %4 = qnn.space_to_depth %x block_size = 2 : (tensor<1x4x4x8xi8>) -> tensor<1x2x2x32xi8>
  %5 = qnn.depth_to_space %4 block_size = 2 crd : (tensor<1x2x2x32xi8>) -> tensor<1x4x4x8xi8>
  %6 = qnn.resize %5 steps = [1, 1] offsets = [0, 0] divisors = [2, 2] : (tensor<1x4x4x8xi8>) -> tensor<1x8x8x8xi8>
  %7 = qnn.resize %5 steps = [512, 511] offsets = [-256, -257] divisors = [1024, 1024] linear : (tensor<1x4x4x8xi8>) -> tensor<1x8x8x8xi8>
  func.return %1, %3, %5, %6, %7 : tensor<1x2x4x6xi8>, tensor<1x3x4x6xi8>, tensor<1x4x4x8xi8>, tensor<1x8x8x8xi8>, tensor<1x8x8x8xi8>
}

// -----

// Only the operand with another encoding is requantized: 0.25 / 0.5 is 16384 * 2^-15, and the
// bias is 3 * 2^15 - 16384 * 1.
// CHECK-LABEL: @concatenate
// CHECK: %[[R:.*]] = sima.requantize %[[B:.*]] scale_correction = 16384 shift = 15 bias = 81920
// CHECK: sima.concat %{{.*}}, %[[R]], %{{.*}} axis = 1 :
// TFLITE-LABEL: @concatenate
// TFLITE: %[[R:.*]] = sima.requantize %{{.*}} requantization = tflite rounding = away
// TFLITE-SAME: scale_correction = 1073741824 shift = 31 zero_point_correction = 3 certificate = <max_error = 0,
// TFLITE-SAME: bias = -1
// TFLITE: sima.concat %{{.*}}, %[[R]], %{{.*}} axis = 1 :
func.func @concatenate(%a: tensor<1x2xi8>, %b: tensor<1x3xi8>) -> tensor<1x7xi8> {
  %0 = qnn.concatenate %a, %b, %a axis = 1
    input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.25, zero_point = 1>, #qnn.quantization<scale = 0.5, zero_point = 3>]
    output_q = <scale = 0.5, zero_point = 3> rounding = away
    : (tensor<1x2xi8>, tensor<1x3xi8>, tensor<1x2xi8>) -> tensor<1x7xi8>
  func.return %0 : tensor<1x7xi8>
}

// -----

// A clamp is seen through whatever only moves codes: what is certified holds for it.
// TFLITE-LABEL: @range_of_moves
// TFLITE: sima.requantize
// TFLITE-SAME: input_codes = array<i32: 1, 9>
func.func @range_of_moves(%x: tensor<1x2x4xi8>) -> tensor<1x5x2xi8> {
  %0 = qnn.clip %x min = 1 max = 6 : (tensor<1x2x4xi8>) -> tensor<1x2x4xi8>
  %1 = qnn.transpose %0 permutation = [0, 2, 1] : (tensor<1x2x4xi8>) -> tensor<1x4x2xi8>
  %2 = qnn.slice %1 starts = [0, 1, 0] : (tensor<1x4x2xi8>) -> tensor<1x2x2xi8>
  %3 = qnn.pad %2 padding = [0, 1, 0, 0, 0, 0] value = 9 : (tensor<1x2x2xi8>) -> tensor<1x3x2xi8>
  %4 = qnn.concatenate %2, %3 axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3> : (tensor<1x2x2xi8>, tensor<1x3x2xi8>) -> tensor<1x5x2xi8>
  %5 = qnn.requantize %4 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.3, zero_point = 0> : (tensor<1x5x2xi8>) -> tensor<1x5x2xi8>
  func.return %5 : tensor<1x5x2xi8>
}
