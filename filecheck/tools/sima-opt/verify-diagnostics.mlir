// If this fails, a suite that relies on expected diagnostics passes or fails for the wrong reason.
// RUN: sima-opt %s --split-input-file --verify-diagnostics -p 'convert-qnn-to-sima{partial=true}' | filecheck %s
// RUN: not sima-opt %s --verify-diagnostics --split-input-file 2>&1 | filecheck %s --check-prefix=UNMET
// RUN: not sima-opt %s -f tflite --verify-diagnostics 2>&1 | filecheck %s --check-prefix=USAGE

// USAGE: argument --verify-diagnostics: not allowed with -f tflite

// What is refused as expected is not printed, and is no failure.
func.func @refused(%x: tensor<4xi8>) -> tensor<4xi8> {
  // expected-error@below {{'qnn.clip' op clip min must be at most its max, got 9 and 2}}
  %0 = qnn.clip %x min = 9 max = 2 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}

// -----

// UNMET: verify-diagnostics.mlir:[[#@LINE+4]]:6: error: expected remark "[Missed] 'qnn.slice' op left in qnn" was not produced
// CHECK-LABEL: @remark
// CHECK: qnn.slice
func.func @remark(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  // expected-remark@+1 {{[Missed] 'qnn.slice' op left in qnn}}
  %0 = qnn.slice %x starts = [0, 3] strides = [1, -1] : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}
