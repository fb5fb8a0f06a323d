// Fails when the verifier of sima.quantize lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: scale must be positive and finite in float32, got 0.0
func.func @quantize_c1(%x: tensor<1x2xf32>) {
  %r = sima.quantize %x scale = 0.0 : f64 zero_point = 0 : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: scale must be positive and finite in float32, got nan
func.func @quantize_c1_nan(%x: tensor<1x2xf32>) {
  %r = sima.quantize %x scale = 0x7FF8000000000000 : f64 zero_point = 0
    : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: zero_point must be in -128..127, got -129
func.func @quantize_c2(%x: tensor<1x2xf32>) {
  %r = sima.quantize %x scale = 1.0 : f64 zero_point = -129 : (tensor<1x2xf32>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x2, got 2
func.func @quantize_c3(%x: tensor<1x2xf32>) {
  %r = sima.quantize %x scale = 1.0 : f64 zero_point = 0 : (tensor<1x2xf32>) -> tensor<2xi8>
  return
}
