// If this fails, the constants of a fully connected layer are wrong: they are those of a worked
// example, computed by hand from the requantization formula.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{weight-rounding=nearest}' | filecheck %s
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{requantization=tflite}' | filecheck %s --check-prefix=TFLITE

// CHECK-LABEL: @bias
// CHECK-SAME: %[[X:.*]]: tensor<1x4xi8>
// CHECK-NEXT: %[[R:.*]] = sima.dense %[[X]] shift = [9, 8]
// CHECK-SAME: bias = dense<[-441, -4129]> : tensor<2xi32>
// CHECK-SAME{LITERAL}: weight = dense<[[104, -52, 4, 74], [-37, 25, -95, 9]]> : tensor<2x4xi8>
// CHECK-NEXT: func.return %[[R]]
// TFLITE-LABEL: @bias
// TFLITE: sima.dense {{.*}} requantization = tflite rounding = tflite
// TFLITE-SAME: scale_correction = [1759218604, 1605286977] shift = [40, 39]
// TFLITE-SAME: zero_point_correction = -5
// TFLITE-SAME: bias = dense<[2580, -3820]> : tensor<2xi32>
// TFLITE-SAME{LITERAL}: weight = dense<[[127, -64, 5, 90], [-50, 33, -127, 12]]> : tensor<2x4xi8>
func.func @bias(%x: tensor<1x4xi8>) -> tensor<1x2xi8> {
  %w = arith.constant dense<[[127, -64, 5, 90], [-50, 33, -127, 12]]> : tensor<2x4xi8>
  %b = arith.constant dense<[1000, -2500]> : tensor<2xi32>
  %0 = qnn.dense %x, %w input_zero_point = -10 : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  %1 = qnn.bias_add %0, %b : (tensor<1x2xi32>, tensor<2xi32>) -> tensor<1x2xi32>
  %2 = qnn.requantize %1 input_q = <scale = [0.00008, 0.000146], zero_point = 0> output_q = <scale = 0.05, zero_point = -5> rounding = tflite : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %2 : tensor<1x2xi8>
}

// -----

// The scale of one tensor gives one shift; a power-of-two ratio leaves the weights as they are.
// CHECK-LABEL: @power_of_two
// CHECK: sima.dense %{{.*}} shift = 7 bias = dense<0> : tensor<1xi32>
// CHECK-SAME{LITERAL}: weight = dense<[[127, -63, 5, 1, -1]]>
// TFLITE-LABEL: @power_of_two
// TFLITE: scale_correction = 1073741824 shift = 37
func.func @power_of_two(%x: tensor<1x5xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[127, -63, 5, 1, -1]]> : tensor<1x5xi8>
  %0 = qnn.dense %x, %w : (tensor<1x5xi8>, tensor<1x5xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.0078125> output_q = <scale = 1.0> rounding = tflite : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %1 : tensor<1x1xi8>
}
