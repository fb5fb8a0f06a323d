// Fails when the verifier of sima.dense lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data has 3 features, weight takes 4
func.func @dense_c1(%x: tensor<1x3xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x3xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: weight must have 2 axes (O, I), got 1
func.func @dense_c1_weight_axes(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32> weight = dense<1> : tensor<8xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}

// -----

// CHECK: result must have shape 1x2, got 1x4
func.func @dense_c2(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = 7 bias = dense<0> : tensor<2xi32> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x4xi8>
  return
}

// -----

// CHECK: shift must be one value or a list of 2, got 1
func.func @dense_c3(%x: tensor<1x4xi8>) {
  %r = sima.dense %x shift = [7] bias = dense<0> : tensor<2xi32> weight = dense<1> : tensor<2x4xi8>
    : (tensor<1x4xi8>) -> tensor<1x2xi8>
  return
}
