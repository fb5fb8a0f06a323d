// If this fails, 16-bit codes with 8-bit weights are not multiplied as their source does, in
// accumulators as wide as its own.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=auto certify=true}' 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t
// REMARK: [Missed] 'qnn.conv' op does not fold into a shift: weights of 8 bits are too coarse for results of i16

// 0.3 is 2**-1 * 0.6 in 15 bits: 19661 * 2**-16. The bias keeps its 64 bits.
// CHECK-LABEL: @wide
// CHECK: sima.conv %{{.*}} requantization = tflite rounding = tflite16 scale_correction = 19661 shift = 16 zero_point_correction = 0 certificate = <max_error = 0,
// CHECK-SAME: bias = dense<4294967296> : tensor<1xi64> weight = dense<3> : tensor<1x1x1x1xi8> : (tensor<1x2x1xi16>) -> tensor<1x2x1xi16>
func.func @wide(%x: tensor<1x2x1xi16>) -> tensor<1x2x1xi16> {
  %w = arith.constant dense<3> : tensor<1x1x1x1xi8>
  %b = arith.constant dense<4294967296> : tensor<1xi64>
  %0 = qnn.conv %x, %w : (tensor<1x2x1xi16>, tensor<1x1x1x1xi8>) -> tensor<1x2x1xi64>
  %1 = qnn.bias_add %0, %b : (tensor<1x2x1xi64>, tensor<1xi64>) -> tensor<1x2x1xi64>
  %2 = qnn.requantize %1 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = tflite16 : (tensor<1x2x1xi64>) -> tensor<1x2x1xi16>
  func.return %2 : tensor<1x2x1xi16>
}

// -----

// Without a bias there is one of zeros, as wide as the accumulators.
// CHECK-LABEL: @no_bias
// CHECK: sima.dense %{{.*}} requantization = tflite rounding = away {{.*}} bias = dense<0> : tensor<2xi64>
// CHECK: sima.dense %{{.*}} requantization = tflite rounding = tflite {{.*}} bias = dense<0> : tensor<2xi32>
func.func @no_bias(%x: tensor<1x1xi16>) -> (tensor<1x2xi16>, tensor<1x2xi16>) {
  %w = arith.constant dense<3> : tensor<2x1xi8>
  %0 = qnn.dense %x, %w : (tensor<1x1xi16>, tensor<2x1xi8>) -> tensor<1x2xi64>
  %1 = qnn.requantize %0 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi64>) -> tensor<1x2xi16>
  %2 = qnn.dense %x, %w : (tensor<1x1xi16>, tensor<2x1xi8>) -> tensor<1x2xi32>
  %3 = qnn.requantize %2 input_q = <scale = 0.3> output_q = <scale = 1.0> rounding = tflite : (tensor<1x2xi32>) -> tensor<1x2xi16>
  func.return %1, %3 : tensor<1x2xi16>, tensor<1x2xi16>
}
