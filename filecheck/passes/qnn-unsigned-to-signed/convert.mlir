// If this fails, an operation that could compute with i8 has ui8, or codes and zero points do not
// move together.
// RUN: sima-opt %s --split-input-file -p qnn-unsigned-to-signed 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK --input-file=%t
// RUN: sima-opt %s --split-input-file -p qnn-unsigned-to-signed,qnn-unsigned-to-signed 2>/dev/null | filecheck %s

// Arguments and results keep their type.
// CHECK-LABEL: @edges
// CHECK-SAME: (%[[X:.*]]: tensor<1x2xui8>
// CHECK-NEXT: %[[S:.*]] = qnn.requantize %[[X]] input_q = <scale = 0.5, zero_point = 100> output_q = <scale = 0.5, zero_point = -28> : (tensor<1x2xui8>) -> tensor<1x2xi8>
// CHECK-NEXT: %[[P:.*]] = qnn.pad %[[S]] padding = [0, 0, 0, 2] value = -28 :
// CHECK-NEXT: %[[C:.*]] = qnn.clip %[[P]] min = -128 max = 72 :
// CHECK-NEXT: %[[W:.*]] = arith.constant dense<{{\[}}[-128, -1, 0, 127]]> : tensor<1x4xi8>
// CHECK-NEXT: %[[D:.*]] = qnn.dense %[[C]], %[[W]] input_zero_point = -28 kernel_zero_point = -1 : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x1xi32>
// CHECK-NEXT: %[[Q:.*]] = qnn.requantize %[[D]] {{.*}}output_q = <scale = 2.0, zero_point = 0> rounding = tflite : (tensor<1x1xi32>) -> tensor<1x1xi8>
// CHECK-NEXT: %[[R:.*]] = qnn.requantize %[[Q]] input_q = <scale = 2.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 128> : (tensor<1x1xi8>) -> tensor<1x1xui8>
// CHECK-NEXT: return %[[R]]
func.func @edges(%x: tensor<1x2xui8> {qnn.quantization = #qnn.quantization<scale = 0.5, zero_point = 100>}) -> tensor<1x1xui8> {
  %0 = qnn.pad %x padding = [0, 0, 0, 2] value = 100 : (tensor<1x2xui8>) -> tensor<1x4xui8>
  %1 = qnn.clip %0 min = 0 max = 200 : (tensor<1x4xui8>) -> tensor<1x4xui8>
  %w = arith.constant dense<[[0, 127, 128, 255]]> : tensor<1x4xui8>
  %2 = qnn.dense %1, %w input_zero_point = 100 kernel_zero_point = 127 : (tensor<1x4xui8>, tensor<1x4xui8>) -> tensor<1x1xi32>
  %3 = qnn.requantize %2 input_q = <scale = 0.5, zero_point = 0> output_q = <scale = 2.0, zero_point = 128> rounding = tflite : (tensor<1x1xi32>) -> tensor<1x1xui8>
  func.return %3 : tensor<1x1xui8>
}

// -----

// CHECK-LABEL: @encodings
// CHECK: qnn.add %{{.*}} lhs_q = <scale = 0.5, zero_point = -127> rhs_q = <scale = 0.25, zero_point = -126> output_q = <scale = 1.0, zero_point = -125>
// CHECK: qnn.concatenate %{{.*}} input_qs = [#qnn.quantization<scale = 1.0, zero_point = -125>, #qnn.quantization<scale = 0.5, zero_point = -127>] output_q = <scale = 1.0, zero_point = -124>
func.func @encodings(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<8xui8> {
  %0 = qnn.add %x, %y lhs_q = <scale = 0.5, zero_point = 1> rhs_q = <scale = 0.25, zero_point = 2> output_q = <scale = 1.0, zero_point = 3> : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %1 = qnn.concatenate %0, %x axis = 0 input_qs = [#qnn.quantization<scale = 1.0, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 1>] output_q = <scale = 1.0, zero_point = 4> : (tensor<4xui8>, tensor<4xui8>) -> tensor<8xui8>
  func.return %1 : tensor<8xui8>
}

// -----

// CHECK-LABEL: @slopes
// CHECK: qnn.prelu %{{.*}} alpha = [-128, 127] alpha_q = <scale = 0.5, zero_point = -126> input_q = <scale = 0.5, zero_point = -127>
// CHECK: qnn.prelu %{{.*}} alpha = -125 alpha_q = <scale = 0.5, zero_point = -126>
func.func @slopes(%x: tensor<2xui8>) -> (tensor<2xui8>, tensor<2xui8>) {
  %0 = qnn.prelu %x alpha = [0, 255] alpha_q = <scale = 0.5, zero_point = 2> input_q = <scale = 0.5, zero_point = 1> output_q = <scale = 0.25, zero_point = 3> : (tensor<2xui8>) -> tensor<2xui8>
  %1 = qnn.prelu %x alpha = 3 alpha_q = <scale = 0.5, zero_point = 2> input_q = <scale = 0.5, zero_point = 1> output_q = <scale = 0.25, zero_point = 3> : (tensor<2xui8>) -> tensor<2xui8>
  func.return %0, %1 : tensor<2xui8>, tensor<2xui8>
}

// -----

// Both operands of a product may be unsigned, or one.
// CHECK-LABEL: @matrices
// CHECK: qnn.batch_matmul %{{.*}}, %{{.*}} lhs_zero_point = -119 rhs_zero_point = 4 : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
// CHECK: qnn.batch_matmul %{{.*}}, %{{.*}} transpose_rhs lhs_zero_point = -119 rhs_zero_point = -127 : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
func.func @matrices(%x: tensor<1x2xui8>, %y: tensor<2x2xi8>) -> (tensor<1x2xi32>, tensor<1x1xi32>) {
  %0 = qnn.batch_matmul %x, %y lhs_zero_point = 9 rhs_zero_point = 4 : (tensor<1x2xui8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.batch_matmul %x, %x transpose_rhs lhs_zero_point = 9 rhs_zero_point = 1 : (tensor<1x2xui8>, tensor<1x2xui8>) -> tensor<1x1xi32>
  func.return %0, %1 : tensor<1x2xi32>, tensor<1x1xi32>
}

// -----

// Half of the codes 1 and 2 is 1.5, which is 2; half of -127 and -126 is -126.5, which is -127.
// REMARK: convert.mlir:[[@LINE+5]]:8: remark: [Missed] 'qnn.avg_pool' op keeps ui8: it rounds averages of codes away from code 0
// REMARK: convert.mlir:[[@LINE+5]]:8: remark: [Missed] 'qnn.resize' op keeps ui8: it rounds means of codes away from code 0
// CHECK-LABEL: @rounded
// CHECK: qnn.avg_pool {{.*}} : (tensor<1x2x1xui8>) -> tensor<1x1x1xui8>
func.func @rounded(%x: tensor<1x2x1xui8>) -> (tensor<1x1x1xui8>, tensor<1x4x1xui8>) {
  %0 = qnn.avg_pool %x pool_size = [2] input_q = <scale = 1.0, zero_point = 3> output_q = <scale = 1.0, zero_point = 3> : (tensor<1x2x1xui8>) -> tensor<1x1x1xui8>
  %1 = qnn.resize %x steps = [1] offsets = [0] divisors = [2] linear : (tensor<1x2x1xui8>) -> tensor<1x4x1xui8>
  func.return %0, %1 : tensor<1x1x1xui8>, tensor<1x4x1xui8>
}

// -----

// CHECK-LABEL: @signed
// CHECK-NEXT: qnn.clip %{{.*}} min = 0 max = 200 : (tensor<4xi16>)
// CHECK-NEXT: return
func.func @signed(%x: tensor<4xi16>) -> tensor<4xi16> {
  %0 = qnn.clip %x min = 0 max = 200 : (tensor<4xi16>) -> tensor<4xi16>
  func.return %0 : tensor<4xi16>
}

// -----

// What nobody declares is encoded as its reader says, so that the lowering finds no mismatch.
// CHECK-LABEL: @undeclared
// CHECK-DAG: qnn.requantize %{{.*}} input_q = <scale = 0.05, zero_point = 100> output_q = <scale = 0.05, zero_point = -28>
// CHECK-DAG: qnn.requantize %{{.*}} input_q = <scale = 1.0, zero_point = 7> output_q = <scale = 1.0, zero_point = -121>
// CHECK: qnn.tanh
func.func @undeclared(%x: tensor<1x4xui8>, %y: tensor<1x4xui8>) -> (tensor<1x4xui8>, tensor<1x1xi32>) {
  %0 = qnn.clip %x min = 3 max = 9 : (tensor<1x4xui8>) -> tensor<1x4xui8>
  %1 = qnn.tanh %0 input_q = <scale = 0.05, zero_point = 100> output_q = <scale = 0.1, zero_point = 0> : (tensor<1x4xui8>) -> tensor<1x4xui8>
  %w = arith.constant dense<1> : tensor<1x4xi8>
  %2 = qnn.dense %y, %w input_zero_point = 7 : (tensor<1x4xui8>, tensor<1x4xi8>) -> tensor<1x1xi32>
  func.return %1, %2 : tensor<1x4xui8>, tensor<1x1xi32>
}

// -----

// REMARK: [Missed] 'qnn.clip' op keeps ui8: its codes have 2 scales
// CHECK-LABEL: @scales
// CHECK-NEXT: qnn.clip %{{.*}} min = 3 max = 9 {note = 1 : i32} : (tensor<1x2xui8>)
// CHECK-NEXT: return
func.func @scales(%x: tensor<1x2xui8> {qnn.quantization = #qnn.quantization<scale = [1.0, 2.0], zero_point = 0>}) -> tensor<1x2xui8> {
  %0 = qnn.clip %x min = 3 max = 9 {note = 1 : i32} : (tensor<1x2xui8>) -> tensor<1x2xui8>
  func.return %0 : tensor<1x2xui8>
}

// -----

// CHECK-LABEL: @attribute
// CHECK: qnn.clip %{{.*}} min = -125 max = -119 {note = 1 : i32} : (tensor<1x2xi8>)
func.func @attribute(%x: tensor<1x2xui8>) -> tensor<1x2xui8> {
  %0 = qnn.clip %x min = 3 max = 9 {note = 1 : i32} : (tensor<1x2xui8>) -> tensor<1x2xui8>
  func.return %0 : tensor<1x2xui8>
}
