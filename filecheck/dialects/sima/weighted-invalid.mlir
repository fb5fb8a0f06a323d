// Fails when an operation takes a weight or a bias that the accelerator has no form for.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: weight must be a tensor of i8, got tensor<2x4xi16>
func.func @weighted_w1(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32> weight = dense<1> : tensor<2x4xi16>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: weight must be a tensor of i8, got vector<2x4xi8>
func.func @weighted_w1_vector(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32> weight = dense<1> : vector<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: weight must have a static shape, got tensor<2x?xi8>
func.func @weighted_w1_dynamic(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense_resource<w> : tensor<2x?xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: bias must have shape 2, got 4
func.func @weighted_w2(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<4xi32> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: bias must be a tensor of i32, got tensor<2xi64>
func.func @weighted_w2_element_type(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi64> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: requantization sima takes no scale_correction, got one
func.func @weighted_w3(%x: tensor<1x4xi8>) {
  %r = sima.dense %x scale_correction = 1 shift = 7 bias = dense<0> : tensor<2xi32>
    weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: bias must be a tensor of i32 or i64, got tensor<2xi16>
func.func @weighted_w2_wide(%x: tensor<1x4xi16>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi16> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi16>) -> tensor<1x2xi16>
  return
}

// -----

// CHECK: requantization sima takes a bias of i32, got i64
func.func @weighted_w4(%x: tensor<1x4xi16>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi64> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi16>) -> tensor<1x2xi16>
  return
}

// -----

// CHECK: a bias of i64 takes rounding tflite16 or away, got tflite
func.func @weighted_w4_rounding(%x: tensor<1x4xi16>) {
  %r = sima.dense %x requantization = tflite rounding = tflite scale_correction = 1 shift = 1
    zero_point_correction = 0 bias = dense<0> : tensor<2xi64> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi16>) -> tensor<1x2xi16>
  return
}
