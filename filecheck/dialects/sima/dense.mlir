// Fails when a matrix product changes its constants in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @shift(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<{{\[\[}}127, -64], [-50, 33]]> : tensor<2x2xi8> : (
// GENERIC: "sima.dense"({{.*}}) <{shift = array<i32: 9, 8>, bias = dense<[-441, -4129]> : tensor<2xi32>, weight = dense<{{\[\[}}127, -64], [-50, 33]]> : tensor<2x2xi8>, requantization = #sima<requantization sima>}>
func.func @shift(%x: tensor<1x2xi8>) {
  %r = sima.dense %x shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<[[127, -64], [-50, 33]]> : tensor<2x2xi8>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @multiply(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] requantization = tflite rounding = tflite scale_correction = 1759218604 shift = 40 zero_point_correction = -5 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<{{\[\[}}127, -64], [-50, 33]]> : tensor<2x2xi8> : (
func.func @multiply(%x: tensor<1x2xi16>) {
  %r = sima.dense %x requantization = tflite rounding = tflite scale_correction = 1759218604
    shift = 40 zero_point_correction = -5 bias = dense<[-441, -4129]> : tensor<2xi32>
    weight = dense<[[127, -64], [-50, 33]]> : tensor<2x2xi8>
    : (tensor<1x2xi16>) -> tensor<1x2xi8>
  return
}

// CHECK: @no_channels(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] shift = [] bias = dense<> : tensor<0xi32> weight = dense<> : tensor<0x2xi8> : (
func.func @no_channels(%x: tensor<1x2xi8>) {
  %r = sima.dense %x shift = [] bias = dense<> : tensor<0xi32> weight = dense<> : tensor<0x2xi8>
    : (tensor<1x2xi8>) -> tensor<1x0xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<{{\[\[}}127, -64], [-50, 33]]> : tensor<2x2xi8> : (
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "sima.dense"(%x) {shift = 7 : i32, bias = dense<[-441, -4129]> : tensor<2xi32>,
    weight = dense<[[127, -64], [-50, 33]]> : tensor<2x2xi8>}
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] shift = 7 bias = dense<[-441, -4129]> : tensor<2xi32> weight = dense<{{\[\[}}127, -64], [-50, 33]]> : tensor<2x2xi8> : (
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "sima.dense"(%x) <{shift = 7 : i32, bias = dense<[-441, -4129]> : tensor<2xi32>,
    weight = dense<[[127, -64], [-50, 33]]> : tensor<2x2xi8>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @bias_of_64_bits(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] requantization = tflite rounding = away scale_correction = 1 shift = 1 zero_point_correction = 0 bias = dense<[4294967296, -4129]> : tensor<2xi64> weight = dense<1> : tensor<2x4xi8> : (
func.func @bias_of_64_bits(%x: tensor<1x4xi16>) {
  %r = sima.dense %x requantization = tflite rounding = away scale_correction = 1 shift = 1
    zero_point_correction = 0 bias = dense<[4294967296, -4129]> : tensor<2xi64>
    weight = dense<1> : tensor<2x4xi8> : (tensor<1x4xi16>) -> tensor<1x2xi16>
  return
}
