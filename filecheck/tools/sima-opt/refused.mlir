// Fails when a refused input has no line of its own, a wrong place in it, or keeps others from theirs.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: refused.mlir:[[# @LINE + 1]]:15: error: value %y is used but not defined
"func.return"(%y) : (i1) -> ()

// -----

// CHECK: refused.mlir:[[# @LINE + 1]]:1: error: scale must be positive and finite, got 0.0
#q = #qnn.quantization<scale = 0.0>

// -----

// CHECK: refused.mlir:[[# @LINE + 1]]:19: error: operation qnn.nothing is not registered
%0 = "qnn.nothing"() : () -> i1

// -----

func.func @order() -> i32 {
  // CHECK: refused.mlir:[[# @LINE + 1]]:8: error: 'arith.addi' op operand 0 is used before it is defined
  %0 = arith.addi %1, %1 : i32
  %1 = arith.constant 1 : i32
  func.return %0 : i32
}

// -----

// CHECK: func.func @good
func.func @good() {
  func.return
}
