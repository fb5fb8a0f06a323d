// Fails when the scale at the edge of the accelerator changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @short_scale(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dequantize %[[X]] scale = 5.000000e-01 : f64 zero_point = -3 : (
// GENERIC: "sima.dequantize"({{.*}}) <{scale = 5.000000e-01 : f64, zero_point = -3 : i32}>
func.func @short_scale(%x: tensor<2xi8>) {
  %r = sima.dequantize %x scale = 5.000000e-01 : f64 zero_point = -3
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// CHECK: @long_scale(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dequantize %[[X]] scale = 0.30000000000000004 : f64 zero_point = 0 : (
func.func @long_scale(%x: tensor<2xi8>) {
  %r = sima.dequantize %x scale = 0.30000000000000004 : f64 zero_point = 0
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// CHECK: @scale_without_type(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dequantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 0 : (
func.func @scale_without_type(%x: tensor<2xi8>) {
  %r = sima.dequantize %x scale = 0.5 zero_point = 0 : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dequantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 3 : (
func.func @as_attributes(%x: tensor<2xi8>) {
  %r = "sima.dequantize"(%x) {scale = 0.5 : f64, zero_point = 3 : i32}
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dequantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 3 : (
func.func @as_properties(%x: tensor<2xi8>) {
  %r = "sima.dequantize"(%x) <{scale = 0.5 : f64, zero_point = 3 : i32}>
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}
