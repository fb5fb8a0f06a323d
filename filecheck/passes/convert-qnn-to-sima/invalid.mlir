// If this fails, a network that can't be lowered is accepted, or an error does not say what and
// where: without `partial`, every operation that is left is an error.
// RUN: not sima-opt %s -p convert-qnn-to-sima 2>&1 | filecheck %s
// RUN: not sima-opt %s -p convert-qnn-to-sima -o %t.mlir 2>/dev/null
// RUN: not test -e %t.mlir
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{requantization=float}' 2>&1 | filecheck %s --check-prefix=OPTION

// CHECK-NOT: func.func
// CHECK: invalid.mlir:16:8: error: 'qnn.dense' op cannot be lowered: its weight is not a constant
// CHECK: invalid.mlir:17:8: error: 'qnn.requantize' op cannot be lowered: it ends a 'qnn.dense' that is not lowered
// CHECK: invalid.mlir:18:8: error: 'qnn.avg_pool' op cannot be lowered: padding 1x1 is left out
// CHECK-NOT: func.func
// OPTION: convert-qnn-to-sima
// OPTION-SAME: float
func.func @main(%x: tensor<1x2xi8>, %w: tensor<3x2xi8>, %y: tensor<1x4x1xi8>) -> (tensor<1x3xi8>, tensor<1x4x1xi8>) {
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<3x2xi8>) -> tensor<1x3xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x3xi32>) -> tensor<1x3xi8>
  %2 = qnn.avg_pool %y pool_size = [3] padding = [1, 1] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  func.return %1, %2 : tensor<1x3xi8>, tensor<1x4x1xi8>
}
