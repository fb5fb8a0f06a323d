// If this fails, the pipeline does not run what it promises, or does not hand on its options.
// RUN: sima-opt %s -p qnn-to-sima-pipeline | filecheck %s
// RUN: sima-opt %s -p 'qnn-to-sima-pipeline{requantization=tflite certify=true}' | filecheck %s --check-prefix=TFLITE
// RUN: not sima-opt %s -p 'qnn-to-sima-pipeline{max-error=-1}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: sima-opt --help | filecheck %s --check-prefix=HELP

// OPTION: error: pass 'qnn-to-sima-pipeline': max-error must not be negative, got -1

// HELP: qnn-to-sima-pipeline
// HELP-NEXT: Simplifies a quantized network without changing a result, and lowers it. Stands for dce,
// HELP-NEXT: qnn-unsigned-to-signed, qnn-propagate-layout, qnn-fold-constants, qnn-merge-requantize,
// HELP-NEXT: qnn-merge-clip, qnn-fold-pad, convert-qnn-to-sima.
// HELP: requantization=sima
// HELP-NEXT: sima: fold scales into 8-bit weights and a shift;

// Unsigned codes, channels first, a constant in another layout, two clips with a reshape between
// them: what is left is one transpose and one operation.
// CHECK-LABEL: @main
// CHECK-NEXT: %[[X:.*]] = sima.requantize %{{.*}} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT: %[[T:.*]] = sima.transpose %[[X]] permutation = [0, 2, 3, 1] :
// CHECK-NEXT: %[[C:.*]] = sima.conv %[[T]] {{.*}}clamp = [-128, -100] {{.*}} -> tensor<1x4x4x3xi8>
// CHECK-NEXT: %[[R:.*]] = sima.reshape %[[C]] : (tensor<1x4x4x3xi8>) -> tensor<1x48xi8>
// CHECK-NEXT: %[[Q:.*]] = sima.requantize %[[R]] {{.*}} -> tensor<1x48xui8>
// CHECK-NEXT: return %[[Q]]
// TFLITE: sima.conv %{{.*}} requantization = tflite {{.*}}certificate = <max_error = 0
func.func @main(%x: tensor<1x2x4x4xui8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 128>}) -> tensor<1x48xui8> {
  %w = arith.constant dense<1> : tensor<1x1x3x2xi8>
  %0 = qnn.transpose %x permutation = [0, 2, 3, 1] : (tensor<1x2x4x4xui8>) -> tensor<1x4x4x2xui8>
  %1 = qnn.clip %0 min = 0 max = 255 : (tensor<1x4x4x2xui8>) -> tensor<1x4x4x2xui8>
  %2 = qnn.transpose %w permutation = [0, 1, 3, 2] : (tensor<1x1x3x2xi8>) -> tensor<1x1x2x3xi8>
  %3 = qnn.reshape %2 : (tensor<1x1x2x3xi8>) -> tensor<1x1x2x1x3xi8>
  %4 = qnn.conv %1, %3 input_zero_point = 128 : (tensor<1x4x4x2xui8>, tensor<1x1x2x1x3xi8>) -> tensor<1x4x4x3xi32>
  %5 = qnn.requantize %4 input_q = <scale = 0.5, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<1x4x4x3xi32>) -> tensor<1x4x4x3xui8>
  %6 = qnn.clip %5 min = 0 max = 30 : (tensor<1x4x4x3xui8>) -> tensor<1x4x4x3xui8>
  %7 = qnn.reshape %6 : (tensor<1x4x4x3xui8>) -> tensor<1x48xui8>
  %8 = qnn.clip %7 min = 0 max = 28 : (tensor<1x48xui8>) -> tensor<1x48xui8>
  func.return %8 : tensor<1x48xui8>
}
