// If this fails, a pad is left that what follows it can do, or is folded into something that reads
// another code there.
// RUN: sima-opt %s --split-input-file -p qnn-fold-pad | filecheck %s

// CHECK-LABEL: @pads
// CHECK-SAME: (%[[X:.*]]: tensor<2x2xi8>)
// CHECK-NEXT: %[[P:.*]] = qnn.pad %[[X]] padding = [0, 3, 1, 4] value = 5 :
// CHECK-NEXT: %[[Q:.*]] = qnn.pad %[[P]] padding = [1, 0, 0, 0] value = 6 :
// CHECK-NEXT: return %[[Q]]
func.func @pads(%x: tensor<2x2xi8>) -> tensor<4x9xi8> {
  %0 = qnn.pad %x padding = [0, 1, 0, 2] value = 5 : (tensor<2x2xi8>) -> tensor<2x5xi8>
  %1 = qnn.pad %0 padding = [0, 2, 1, 2] value = 5 : (tensor<2x5xi8>) -> tensor<3x9xi8>
  %2 = qnn.pad %1 padding = [0, 0, 0, 0] value = 9 : (tensor<3x9xi8>) -> tensor<3x9xi8>
  %3 = qnn.pad %2 padding = [1, 0, 0, 0] value = 6 : (tensor<3x9xi8>) -> tensor<4x9xi8>
  func.return %3 : tensor<4x9xi8>
}

// -----

// No code is less than -128, nor than 0 behind a clip.
// CHECK-LABEL: @max_pool
// CHECK-NOT: qnn.pad
// CHECK: qnn.max_pool %{{.*}} pool_size = [3] padding = [1, 2] :
// CHECK: qnn.max_pool %{{.*}} pool_size = [2] strides = [2] padding = [1, 0] :
func.func @max_pool(%x: tensor<1x4x2xi8>) -> (tensor<1x5x2xi8>, tensor<1x2x2xi8>) {
  %0 = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = -128 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %1 = qnn.max_pool %0 pool_size = [3] padding = [0, 1] : (tensor<1x6x2xi8>) -> tensor<1x5x2xi8>
  %2 = qnn.clip %x min = 0 max = 9 : (tensor<1x4x2xi8>) -> tensor<1x4x2xi8>
  %3 = qnn.pad %2 padding = [0, 1, 0, 0, 0, 0] value = 0 : (tensor<1x4x2xi8>) -> tensor<1x5x2xi8>
  %4 = qnn.max_pool %3 pool_size = [2] strides = [2] : (tensor<1x5x2xi8>) -> tensor<1x2x2xi8>
  func.return %1, %4 : tensor<1x5x2xi8>, tensor<1x2x2xi8>
}

// -----

// CHECK-LABEL: @avg_pool
// CHECK-NOT: qnn.pad
// CHECK: qnn.avg_pool %{{.*}} pool_size = [3] padding = [1, 1] count_include_pad input_q
func.func @avg_pool(%x: tensor<1x4x2xi8>) -> tensor<1x4x2xi8> {
  %0 = qnn.pad %x padding = [0, 1, 0, 0, 1, 0] value = 7 : (tensor<1x4x2xi8>) -> tensor<1x6x2xi8>
  %1 = qnn.avg_pool %0 pool_size = [3] input_q = <scale = 0.5, zero_point = 7> output_q = <scale = 0.5, zero_point = 7> : (tensor<1x6x2xi8>) -> tensor<1x4x2xi8>
  func.return %1 : tensor<1x4x2xi8>
}
