// If this fails, a transpose passes an operation for which its axes matter, or multiplies.
// RUN: sima-opt %s --split-input-file -p qnn-propagate-layout | filecheck %s

// Slopes of channels that move.
// CHECK-LABEL: @slopes
// CHECK-NEXT: qnn.transpose
// CHECK-NEXT: qnn.prelu
// CHECK-NEXT: return
func.func @slopes(%x: tensor<2x2x2xi8>) -> tensor<2x2x2xi8> {
  %0 = qnn.transpose %x permutation = [0, 2, 1] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %1 = qnn.prelu %0 alpha = [1, 2] alpha_q = <scale = 0.5> input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  func.return %1 : tensor<2x2x2xi8>
}

// -----

// Scales of channels that move; a pool of spatial axes; operands transposed in two ways; a
// transpose that somebody else needs.
// CHECK-LABEL: @stays
// CHECK: qnn.transpose
// CHECK-NEXT: qnn.requantize
// CHECK: qnn.transpose
// CHECK-NEXT: qnn.max_pool
// CHECK: qnn.transpose %{{.*}} permutation = [0, 2, 1]
// CHECK-NEXT: qnn.add
// CHECK: qnn.transpose
// CHECK-NEXT: qnn.clip
func.func @stays(%x: tensor<2x2x2xi8>, %y: tensor<2x2x2xi8>) -> (tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>) {
  %0 = qnn.transpose %x permutation = [0, 2, 1] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %1 = qnn.requantize %0 input_q = <scale = [0.5, 0.25], zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %2 = qnn.transpose %x permutation = [0, 2, 1] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %3 = qnn.max_pool %2 pool_size = [1] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %4 = qnn.transpose %x permutation = [1, 0, 2] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %5 = qnn.transpose %y permutation = [0, 2, 1] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %6 = qnn.add %4, %5 lhs_q = <scale = 0.5, zero_point = 0> rhs_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<2x2x2xi8>, tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %7 = qnn.transpose %y permutation = [2, 1, 0] : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  %8 = qnn.clip %7 min = 0 max = 1 : (tensor<2x2x2xi8>) -> tensor<2x2x2xi8>
  func.return %1, %3, %6, %7, %8 : tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>, tensor<2x2x2xi8>
}
