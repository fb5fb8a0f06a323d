// Fails when -o leaves something behind for a refused input, or writes to stdout too.
// RUN: rm -f %t.mlir
// RUN: not sima-opt %s -o %t.mlir 2> %t.err
// RUN: filecheck %s --input-file %t.err
// RUN: not ls %t.mlir
// RUN: sima-opt %s --allow-unregistered-dialect -o %t.mlir | not grep .
// RUN: filecheck %s --check-prefix=WRITTEN --input-file %t.mlir

// CHECK: output.mlir:[[# @LINE + 2]]:6: error: operation t.x is not registered
// WRITTEN: "t.x"() : () -> ()
"t.x"() : () -> ()
