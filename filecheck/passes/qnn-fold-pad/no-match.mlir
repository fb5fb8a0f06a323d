// If this fails, a pad is folded although the pool would then give something else.
// RUN: sima-opt %s -p qnn-fold-pad | filecheck %s

// A code that may win; channels; a pad as wide as the window; zeros that do not count; a code that
// is not the zero point.
// CHECK-COUNT-5: qnn.pad
func.func @main(%x: tensor<1x4x2xi8>) -> (tensor<1x4x2xi8>, tensor<1x3x4xi8>, tensor<1x5x2xi8>, tensor<1x5x2xi8>, tensor<1x4x2xi8>) {
  %0 = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = -127 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %1 = qnn.max_pool %0 pool_size = [3] : (tensor<1x6x2xi8>) -> tensor<1x4x2xi8>
  %2 = qnn.pad %x padding = [0, 0, 1, 0, 0, 1] value = -128 : (tensor<1x4x2xi8>) -> tensor<1x4x4xi8>
  %3 = qnn.max_pool %2 pool_size = [2] : (tensor<1x4x4xi8>) -> tensor<1x3x4xi8>
  %4 = qnn.pad %x padding = [0, 2, 0, 0, 0, 0] value = -128 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %5 = qnn.max_pool %4 pool_size = [2] : (tensor<1x6x2xi8>) -> tensor<1x5x2xi8>
  %6 = qnn.pad %x padding = [0, 1, 0, 0, 0, 0] value = 7 : (tensor<1x4x2xi8>) -> tensor<1x5x2xi8>
  %7 = qnn.avg_pool %6 pool_size = [3] padding = [1, 1] input_q = <scale = 0.5, zero_point = 7> output_q = <scale = 0.5, zero_point = 7> : (tensor<1x5x2xi8>) -> tensor<1x5x2xi8>
  %8 = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = 6 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %9 = qnn.avg_pool %8 pool_size = [3] input_q = <scale = 0.5, zero_point = 7> output_q = <scale = 0.5, zero_point = 7> : (tensor<1x6x2xi8>) -> tensor<1x4x2xi8>
  func.return %1, %3, %5, %7, %9 : tensor<1x4x2xi8>, tensor<1x3x4xi8>, tensor<1x5x2xi8>, tensor<1x5x2xi8>, tensor<1x4x2xi8>
}
