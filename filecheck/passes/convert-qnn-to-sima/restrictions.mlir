// If this fails, the accelerator is given a convolution, pool or padding that it has not by SiMa's
// guide, or is refused one that it has.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t

// REMARK: 'qnn.max_pool' op left in qnn: its window 128x1 is larger than 127 along an axis; pool twice, over smaller windows
// CHECK-LABEL: @max_pool(
// CHECK: sima.max_pool {{.*}} pool_size = [127, 1]
// CHECK: qnn.max_pool {{.*}} pool_size = [128, 1]
// CHECK: sima.max_pool {{.*}} pool_size = [200, 2]
func.func @max_pool(%x: tensor<1x200x2x1xi8>) -> (tensor<1x74x2x1xi8>, tensor<1x73x2x1xi8>, tensor<1x1x1x1xi8>) {
  %0 = qnn.max_pool %x pool_size = [127, 1] : (tensor<1x200x2x1xi8>) -> tensor<1x74x2x1xi8>
  %1 = qnn.max_pool %x pool_size = [128, 1] : (tensor<1x200x2x1xi8>) -> tensor<1x73x2x1xi8>
  %2 = qnn.max_pool %x pool_size = [200, 2] : (tensor<1x200x2x1xi8>) -> tensor<1x1x1x1xi8>
  func.return %0, %1, %2 : tensor<1x74x2x1xi8>, tensor<1x73x2x1xi8>, tensor<1x1x1x1xi8>
}

// -----

// REMARK: 'qnn.avg_pool' op left in qnn: its window 200 is larger than 127 along an axis; pool twice, over smaller windows
// CHECK-LABEL: @avg_pool(
// CHECK: sima.avg_pool {{.*}} pool_size = [127]
// CHECK: qnn.avg_pool {{.*}} pool_size = [200]
func.func @avg_pool(%x: tensor<1x200x1xi8>) -> (tensor<1x74x1xi8>, tensor<1x1x1xi8>) {
  %0 = qnn.avg_pool %x pool_size = [127] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x200x1xi8>) -> tensor<1x74x1xi8>
  %1 = qnn.avg_pool %x pool_size = [200] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x200x1xi8>) -> tensor<1x1x1xi8>
  func.return %0, %1 : tensor<1x74x1xi8>, tensor<1x1x1xi8>
}

// -----

// What %x and %2 stand for is known, what %y stands for is not.
// REMARK: 'qnn.pad' op left in qnn: it pads with code 4, the accelerator with the zero point, 5; leave it to the host
// REMARK: 'qnn.pad' op left in qnn: it pads with code 5, the accelerator with the zero point, -6; leave it to the host
// CHECK-LABEL: @pad(
// CHECK: sima.pad {{.*}} value = 5
// CHECK: qnn.pad {{.*}} value = 4
// CHECK: qnn.pad {{.*}} value = 5
// CHECK: sima.pad {{.*}} value = 4
func.func @pad(%x: tensor<1x2x1xi8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 5>}, %y: tensor<1x2x1xi8>) -> (tensor<1x3x1xi8>, tensor<1x3x1xi8>, tensor<1x3x1xi8>, tensor<1x3x1xi8>) {
  %0 = qnn.pad %x padding = [0, 1, 0, 0, 0, 0] value = 5 : (tensor<1x2x1xi8>) -> tensor<1x3x1xi8>
  %1 = qnn.pad %x padding = [0, 1, 0, 0, 0, 0] value = 4 : (tensor<1x2x1xi8>) -> tensor<1x3x1xi8>
  %2 = qnn.tanh %x input_q = <scale = 0.5, zero_point = 5> output_q = <scale = 0.0078125, zero_point = -6> : (tensor<1x2x1xi8>) -> tensor<1x2x1xi8>
  %3 = qnn.pad %2 padding = [0, 1, 0, 0, 0, 0] value = 5 : (tensor<1x2x1xi8>) -> tensor<1x3x1xi8>
  %4 = qnn.pad %y padding = [0, 1, 0, 0, 0, 0] value = 4 : (tensor<1x2x1xi8>) -> tensor<1x3x1xi8>
  func.return %0, %1, %3, %4 : tensor<1x3x1xi8>, tensor<1x3x1xi8>, tensor<1x3x1xi8>, tensor<1x3x1xi8>
}

// -----

// REMARK: 'qnn.conv' op left in qnn: its stride 32 is larger than 31; keep it on the host, or train it with another stride
// CHECK-LABEL: @stride(
// CHECK: sima.conv {{.*}} strides = [31]
// CHECK: qnn.conv {{.*}} strides = [32]
func.func @stride(%x: tensor<1x40x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x2x1xi8>) {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv %x, %w strides = [31] : (tensor<1x40x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  %2 = qnn.conv %x, %w strides = [32] : (tensor<1x40x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi32>
  %3 = qnn.requantize %2 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  func.return %1, %3 : tensor<1x2x1xi8>, tensor<1x2x1xi8>
}

// -----

// REMARK: 'qnn.conv' op left in qnn: its dilation 64 is larger than 63; keep it on the host, or train it with another dilation
// CHECK-LABEL: @dilation(
// CHECK: sima.conv {{.*}} dilations = [63]
// CHECK: qnn.conv {{.*}} dilations = [64]
func.func @dilation(%x: tensor<1x65x1xi8>) -> (tensor<1x2x1xi8>, tensor<1x1x1xi8>) {
  %w = arith.constant dense<1> : tensor<2x1x1x1xi8>
  %0 = qnn.conv %x, %w dilations = [63] : (tensor<1x65x1xi8>, tensor<2x1x1x1xi8>) -> tensor<1x2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x2x1xi32>) -> tensor<1x2x1xi8>
  %2 = qnn.conv %x, %w dilations = [64] : (tensor<1x65x1xi8>, tensor<2x1x1x1xi8>) -> tensor<1x1x1xi32>
  %3 = qnn.requantize %2 input_q = <scale = 0.5> output_q = <scale = 1.0> : (tensor<1x1x1xi32>) -> tensor<1x1x1xi8>
  func.return %1, %3 : tensor<1x2x1xi8>, tensor<1x1x1xi8>
}

// Nothing else is left.
// REMARK: 'qnn.requantize' op left in qnn
// REMARK-NOT: remark
