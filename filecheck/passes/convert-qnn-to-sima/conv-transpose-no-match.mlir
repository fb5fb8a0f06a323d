// If this fails, the accelerator is given a transposed convolution that it has not, or nobody learns
// which of its restrictions is in the way.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' -o /dev/null 2>&1 | filecheck %s --match-full-lines

// CHECK:      {{.*}}conv-transpose-no-match.mlir:[[# @LINE + 4]]:8: remark: [Missed] 'qnn.conv_transpose' op left in qnn: its stride 3 is not one of 1, 2, 4, 8, 16; keep it on the host, or train it with another stride
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.conv_transpose' that is not lowered; see 'qnn.conv_transpose'
func.func @stride(%x: tensor<1x2x1xi8>) -> tensor<1x4x1xi8> {
  %w = arith.constant dense<1> : tensor<1x1x1x1xi8>
  %0 = qnn.conv_transpose %x, %w strides = [3] : (tensor<1x2x1xi8>, tensor<1x1x1x1xi8>) -> tensor<1x4x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi32>) -> tensor<1x4x1xi8>
  func.return %1 : tensor<1x4x1xi8>
}

// -----

// CHECK-NEXT: {{.*}}'qnn.conv_transpose' op left in qnn: its stride 4 is not one of 1, 2; keep it on the host, or train it with another stride
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.conv_transpose' {{.*}}
func.func @depthwise_stride(%x: tensor<1x2x2xi8>) -> tensor<1x5x2xi8> {
  %w = arith.constant dense<1> : tensor<1x1x2x1xi8>
  %0 = qnn.conv_transpose %x, %w strides = [4] : (tensor<1x2x2xi8>, tensor<1x1x2x1xi8>) -> tensor<1x5x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x5x2xi32>) -> tensor<1x5x2xi8>
  func.return %1 : tensor<1x5x2xi8>
}

// -----

// CHECK-NEXT: {{.*}}'qnn.conv_transpose' op left in qnn: its weight has 2 groups of 1 inputs and 3 outputs, the accelerator takes one group, or 1 and 1; split it into one transposed convolution for each group
// CHECK-NEXT: {{.*}}'qnn.requantize' op left in qnn: it ends a 'qnn.conv_transpose' {{.*}}
func.func @groups(%x: tensor<1x2x2xi8>) -> tensor<1x2x6xi8> {
  %w = arith.constant dense<1> : tensor<1x1x2x3xi8>
  %0 = qnn.conv_transpose %x, %w : (tensor<1x2x2xi8>, tensor<1x1x2x3xi8>) -> tensor<1x2x6xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x2x6xi32>) -> tensor<1x2x6xi8>
  func.return %1 : tensor<1x2x6xi8>
}
