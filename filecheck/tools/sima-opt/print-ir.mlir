// If this fails, what a pass did can't be seen, or is shown where mlir-opt does not show it.
// RUN: sima-opt %s -p cse,dce,cse --mlir-print-ir-before=dce --mlir-print-ir-after-all 2>&1 >%t | filecheck %s --check-prefix=ALL
// RUN: filecheck %s --check-prefix=IR --input-file=%t
// RUN: sima-opt %s -p cse,dce,cse --mlir-print-ir-after-change 2>&1 >%t | filecheck %s --check-prefix=CHANGE
// RUN: not sima-opt %s -p cse,convert-qnn-to-sima,dce --mlir-print-ir-after-failure 2>&1 | filecheck %s --check-prefix=FAILURE
// RUN: not sima-opt %s -p cse --mlir-print-ir-after=dce 2>&1 | filecheck %s --check-prefix=NAME
// RUN: rm -rf %t.dir
// RUN: sima-opt %s -p cse,dce --mlir-print-ir-tree-dir=%t.dir --mlir-print-ir-after-all --mlir-print-op-generic -o %t
// RUN: filecheck %s --check-prefix=TREE --input-file=%t.dir/1_dce.mlir

// RUN: not sima-opt %s -p cse --mlir-print-ir-tree-dir=%s/x --mlir-print-ir-after-all 2>&1 | filecheck %s --check-prefix=FOLDER

// FOLDER: error: cannot write '{{.*}}print-ir.mlir/x/0_cse.mlir': not a directory

// ALL: // -----// IR Dump After CommonSubexpressionElimination (cse) //----- //
// ALL-NEXT: builtin.module {
// ALL: // -----// IR Dump Before DeadCodeElimination (dce) //----- //
// ALL: // -----// IR Dump After DeadCodeElimination (dce) //----- //
// ALL: // -----// IR Dump After CommonSubexpressionElimination (cse) //----- //
// ALL-NOT: IR Dump

// IR-NOT: IR Dump
// IR: builtin.module

// CHANGE: IR Dump After CommonSubexpressionElimination (cse)
// CHANGE-NOT: IR Dump

// FAILURE-NOT: (cse)
// FAILURE: // -----// IR Dump After ConvertQnnToSimaPass Failed (convert-qnn-to-sima) //----- //
// FAILURE: qnn.slice
// FAILURE: error: 'qnn.slice' op cannot be lowered
// FAILURE-NOT: (dce)

// NAME: error: --mlir-print-ir-after=dce: no such pass runs, the passes are cse

// TREE: // -----// IR Dump After DeadCodeElimination (dce) //----- //
// TREE-NEXT: "builtin.module"
func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.clip %x min = 0 max = 9 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %x min = 0 max = 9 : (tensor<4xi8>) -> tensor<4xi8>
  %2 = qnn.clip %0 min = 0 max = 8 : (tensor<4xi8>) -> tensor<4xi8>
  %3 = qnn.slice %1 starts = [3] strides = [-1] : (tensor<4xi8>) -> tensor<4xi8>
  func.return %3 : tensor<4xi8>
}
