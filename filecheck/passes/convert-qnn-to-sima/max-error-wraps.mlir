// If this fails, a limit is said to be kept where the source's own sum may leave 32 bits, or the
// advice given is one that cannot help.
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{requantization=tflite max-error=0}' 2>&1 | filecheck %s

// CHECK: max-error-wraps.mlir:[[# @LINE + 4]]:8: error: 'qnn.dense' op cannot be lowered: a result may be off by 255, max-error allows 0; take smaller biases, its sum of products may leave 32 bits
func.func @main(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<127> : tensor<1x2xi8>
  %b = arith.constant dense<2147483600> : tensor<1xi32>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %2 = qnn.requantize %1 input_q = <scale = 0.001, zero_point = 2147480000> output_q = <scale = 1.0> : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}
