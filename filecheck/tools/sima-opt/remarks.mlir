// Fails when a remark is lost on its way to people or to a program, or what is asked of remarks
// changes the IR.
// RUN: sima-opt %s -p 'convert-qnn-to-sima{partial=true}' 2> %t.unasked > %t.plain
// RUN: sima-opt %s -p 'convert-qnn-to-sima{partial=true}' --remarks --remarks-output-file=%t.jsonl > %t.asked 2> %t.err
// RUN: diff %t.plain %t.asked
// RUN: filecheck %s --input-file %t.unasked --check-prefix=UNASKED
// RUN: filecheck %s --input-file %t.err --check-prefix=ASKED
// RUN: filecheck %s --input-file %t.jsonl --match-full-lines
// RUN: python -c "import json, sys; [json.loads(line) for line in open(sys.argv[1], encoding='utf-8')]" %t.jsonl
// RUN: sima-opt %s -p 'convert-qnn-to-sima{partial=true}' --remarks-filter=avg_pool -o /dev/null 2>&1 | filecheck %s --check-prefix=FILTER
// RUN: not sima-opt %s -p convert-qnn-to-sima --remarks-output-file=%t.failed.jsonl 2> %t.err | not grep .
// RUN: filecheck %s --input-file %t.failed.jsonl --check-prefix=FAILED
// RUN: filecheck %s --input-file %t.err --check-prefix=ERROR

// UNASKED-NOT: Passed
// UNASKED: remarks.mlir:[[# @LINE + 17]]:8: remark: [Missed] 'qnn.avg_pool' op
// UNASKED-NOT: Passed
// ASKED: remarks.mlir:[[# @LINE + 14]]:8: remark: [Passed] 'qnn.requantize' op
// ASKED: remarks.mlir:[[# @LINE + 14]]:8: remark: [Missed] 'qnn.avg_pool' op
// FILTER-NOT: requantize
// FILTER: remark: [Missed] 'qnn.avg_pool' op
// FILTER-NOT: requantize
// ERROR-NOT: remark:
// ERROR: remarks.mlir:[[# @LINE + 9]]:8: error: 'qnn.avg_pool' op cannot be lowered: padding 1x1 {{.*}}; take
// ERROR-NOT: remark:
// CHECK:      {"kind": "Passed", "pass": "convert-qnn-to-sima", "operation": "qnn.requantize", "message": "'qnn.requantize' op lowered to 'sima.requantize': requantization = sima, scale_correction = 16384, shift = 15, max_error = 1, rms_error = 0.5", "file": "{{.*}}remarks.mlir", "line": [[# @LINE + 6]], "column": 8, "details": {"into": "sima.requantize", "requantization": "sima", "scale_correction": [16384, 16384], "shift": [15, 15], "max_error": 1, "rms_error": 0.5}}
// CHECK-NEXT: {"kind": "Missed", "pass": "convert-qnn-to-sima", "operation": "qnn.avg_pool", "message": "'qnn.avg_pool' op left in qnn: padding 1x1 {{.*}}; take {{.*}}", "file": "{{.*}}remarks.mlir", "line": [[# @LINE + 6]], "column": 8, "details": {"reason": "padding 1x1 {{.*}}", "remedy": "take {{.*}}"}}
// CHECK-NOT:  {{.}}
// FAILED:     {"kind": "Passed", {{.*}}"operation": "qnn.requantize", {{.*}}
// FAILED:     {"kind": "Failure", {{.*}}"operation": "qnn.avg_pool", {{.*}}"line": [[# @LINE + 3]], "column": 8, "details": {"reason": "padding 1x1 {{.*}}", "remedy": "take {{.*}}"}}
func.func @main(%x: tensor<1x2xi8>, %y: tensor<1x4x1xi8>) -> (tensor<1x2xi8>, tensor<1x4x1xi8>) {
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %1 = qnn.avg_pool %y pool_size = [3] padding = [1, 1] input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  func.return %0, %1 : tensor<1x2xi8>, tensor<1x4x1xi8>
}
