// Fails when one of the two spellings of a pipeline does not run its passes, or a wrong one does.
// RUN: sima-opt %s -p 'convert-qnn-to-sima{requantization=tflite},canonicalize' | filecheck %s
// RUN: sima-opt %s --pass-pipeline='builtin.module(convert-qnn-to-sima,canonicalize)' | filecheck %s
// RUN: not sima-opt %s -p canonicalise 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not sima-opt %s -p 'cse{fast=true}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not sima-opt %s -p 'convert-qnn-to-sima{partial=3}' 2>&1 | filecheck %s --check-prefix=VALUE
// RUN: not sima-opt %s -p 'cse,,cse' 2>&1 | filecheck %s --check-prefix=SYNTAX

// CHECK: sima.reshape
// UNKNOWN: error: unknown pass 'canonicalise', did you mean 'canonicalize'
// OPTION: error: pass 'cse' has no option 'fast', its options are none
// VALUE: error: option 'partial' of pass 'convert-qnn-to-sima' must be bool, got 3
// SYNTAX: pass-pipeline:1:5: error: expected pass name here
func.func @f(%x: tensor<1x4xi8>) -> tensor<4xi8> {
  %0 = qnn.reshape %x : (tensor<1x4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}
