// If this fails, constants are left that could be computed, or come out wrong, or grow too much.
// RUN: sima-opt %s --split-input-file -p 'qnn-fold-constants{max-growth=8}' 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK --input-file=%t
// RUN: not sima-opt %s --split-input-file -p 'qnn-fold-constants{max-growth=-1}' 2>&1 | filecheck %s --check-prefix=OPTION

// OPTION: error: pass 'qnn-fold-constants': max-growth must not be negative, got -1

// 12 = (100 - 3) * 0.5 / 4, 12.125 of which upward makes 12; the sum of what is then 12, 0, -1.
// CHECK-LABEL: @chain
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<{{\[}}[12], [0], [-1]]> : tensor<3x1xi8>
// CHECK-NEXT: return %[[C]]
func.func @chain() -> tensor<3x1xi8> {
  %0 = arith.constant dense<[[100, 3, -4]]> : tensor<1x3xi8>
  %1 = qnn.requantize %0 input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 4.0, zero_point = 0> : (tensor<1x3xi8>) -> tensor<1x3xi8>
  %2 = qnn.transpose %1 permutation = [1, 0] : (tensor<1x3xi8>) -> tensor<3x1xi8>
  func.return %2 : tensor<3x1xi8>
}

// -----

// The constant stays for its other user; an operation with another operand stays.
// CHECK-LABEL: @others
// CHECK: %[[C:.*]] = arith.constant dense<1> : tensor<4xi8>
// CHECK: arith.constant dense<0> : tensor<4xi8>
// CHECK: qnn.add %{{.*}}, %[[C]]
func.func @others(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = arith.constant dense<1> : tensor<4xi8>
  %1 = qnn.clip %0 min = -5 max = 0 : (tensor<4xi8>) -> tensor<4xi8>
  %2 = qnn.add %x, %0 lhs_q = <scale = 0.5, zero_point = 0> rhs_q = <scale = 0.5, zero_point = 0> output_q = <scale = 1.0, zero_point = 0> : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  func.return %1, %2 : tensor<4xi8>, tensor<4xi8>
}

// -----

// REMARK: fold.mlir:[[@LINE+5]]:8: remark: [Missed] 'qnn.broadcast_to' op not folded: it grows by 9 bytes, max-growth is 8
// CHECK-LABEL: @grows
// CHECK: qnn.broadcast_to
func.func @grows() -> tensor<10xi8> {
  %0 = arith.constant dense<1> : tensor<1xi8>
  %1 = qnn.broadcast_to %0 : (tensor<1xi8>) -> tensor<10xi8>
  func.return %1 : tensor<10xi8>
}
