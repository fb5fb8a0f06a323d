// Fails when the scale at the edge of the accelerator changes in being printed and read back.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC

// CHECK: @short_scale(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 5.000000e-01 : f64 zero_point = -3 : (
// GENERIC: "sima.quantize"({{.*}}) <{scale = 5.000000e-01 : f64, zero_point = -3 : i32}>
func.func @short_scale(%x: tensor<2xf32>) {
  %r = sima.quantize %x scale = 5.000000e-01 : f64 zero_point = -3 : (tensor<2xf32>) -> tensor<2xi8>
  return
}

// CHECK: @long_scale(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 0.30000000000000004 : f64 zero_point = 0 : (
func.func @long_scale(%x: tensor<2xf32>) {
  %r = sima.quantize %x scale = 0.30000000000000004 : f64 zero_point = 0
    : (tensor<2xf32>) -> tensor<2xi8>
  return
}

// CHECK: @scale_without_type(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 0 : (
func.func @scale_without_type(%x: tensor<2xf32>) {
  %r = sima.quantize %x scale = 0.5 zero_point = 0 : (tensor<2xf32>) -> tensor<2xi8>
  return
}

// CHECK: @to_even(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 0 ties_to_even : (
// GENERIC: "sima.quantize"({{.*}}) <{scale = 5.000000e-01 : f64, zero_point = 0 : i32, ties_to_even}>
func.func @to_even(%x: tensor<2xf32>) {
  %r = sima.quantize %x scale = 5.000000e-01 : f64 zero_point = 0 ties_to_even
    : (tensor<2xf32>) -> tensor<2xi16>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 3 : (
func.func @as_attributes(%x: tensor<2xf32>) {
  %r = "sima.quantize"(%x) {scale = 0.5 : f64, zero_point = 3 : i32}
    : (tensor<2xf32>) -> tensor<2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.quantize %[[X]] scale = 5.000000e-01 : f64 zero_point = 3 : (
func.func @as_properties(%x: tensor<2xf32>) {
  %r = "sima.quantize"(%x) <{scale = 0.5 : f64, zero_point = 3 : i32}>
    : (tensor<2xf32>) -> tensor<2xi8>
  return
}
