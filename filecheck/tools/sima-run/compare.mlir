// Fails when a lowered layer is not compared with what its source computes, or is off by more.
// RUN: sima-opt %s -p 'convert-qnn-to-sima{requantization=tflite}' --mlir-print-debuginfo -o %t.exact.mlir
// RUN: sima-opt %s -p 'convert-qnn-to-sima{weight-rounding=nearest}' --mlir-print-debuginfo -o %t.folded.mlir
// RUN: sima-run %t.exact.mlir --inputs %S/../../../examples/digits/digits_test.npz --compare %s --compare-output-file %t.json | filecheck %s --check-prefix=EXACT
// RUN: filecheck %s --check-prefix=JSON --input-file %t.json
// RUN: sima-run %t.folded.mlir --inputs %S/../../../examples/digits/digits_test.npz --compare %s | filecheck %s --check-prefix=FOLDED
// RUN: sima-run %s --inputs %S/../../../examples/digits/digits_test.npz --outputs %t.npz
// RUN: sima-run %t.exact.mlir --inputs %S/../../../examples/digits/digits_test.npz --compare %t.npz | filecheck %s --check-prefix=SAVED
// RUN: not sima-run %s --inputs %S/../../../examples/digits/digits_test.npz --jobs none 2>&1 | filecheck %s --check-prefix=USAGE

// EXACT: value{{ +}}shape{{ +}}type{{ +}}equal %{{ +}}max{{ +}}mean{{ +}}rms{{ +}}sqnr dB{{ +}}top class %
// EXACT-NEXT: layer{{ +}}1x8x8x3{{ +}}int8{{ +}}100.00{{ +}}0{{ +}}0{{ +}}0{{ +}}inf
// EXACT-NEXT: out0{{ +}}1x8x8x3{{ +}}int8{{ +}}100.00{{ +}}0{{ +}}0{{ +}}0{{ +}}inf{{ +}}100.00
// EXACT-NEXT: left out 1: a later value has its name: layer

// JSON: "batches": 450,
// JSON: "name": "layer",
// JSON-NEXT: "operation": "sima.conv",
// JSON: "zero_point": -5,
// JSON: "elements": 86400,
// JSON: "equal": 1.0,
// JSON: "reason": "a later value has its name"

// Folding rounds the weights, so that some results are off.
// FOLDED: layer{{ +}}1x8x8x3{{ +}}int8{{ +}}{{[0-9]+\.[0-9]+ +[1-9]}}

// SAVED: out0{{ +}}1x8x8x3{{ +}}int8{{ +}}100.00{{ +}}0{{ +}}0{{ +}}0{{ +}}inf{{ +}}100.00
// SAVED-NEXT: left out 1: only in the program: layer

// USAGE: error: argument --jobs: must be a positive integer, got 'none'
func.func @main(%x: tensor<1x8x8x1xi8>) -> tensor<1x8x8x3xi8> {
  %w = arith.constant dense<[[[[[1, -2, 6]]]]]> : tensor<1x1x1x1x3xi8>
  %b = arith.constant dense<[10, 20, -30]> : tensor<3xi32>
  %0 = qnn.conv %x, %w input_zero_point = -128
    : (tensor<1x8x8x1xi8>, tensor<1x1x1x1x3xi8>) -> tensor<1x8x8x3xi32> loc("layer")
  %1 = qnn.bias_add %0, %b
    : (tensor<1x8x8x3xi32>, tensor<3xi32>) -> tensor<1x8x8x3xi32> loc("layer")
  %2 = qnn.requantize %1 input_q = <scale = 0.37> output_q = <scale = 4.1, zero_point = -5>
    : (tensor<1x8x8x3xi32>) -> tensor<1x8x8x3xi8> loc("layer/requantized")
  func.return %2 : tensor<1x8x8x3xi8>
}
