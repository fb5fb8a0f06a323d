// If this fails, what can't be lowered makes the whole network fail, or is not told apart.
// RUN: sima-opt %s -p 'qnn-to-sima-pipeline{partial=true}' --allow-unregistered-dialect 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK --input-file=%t
// RUN: not sima-opt %s -p qnn-to-sima-pipeline --allow-unregistered-dialect 2>&1 | filecheck %s --check-prefix=ERROR
// RUN: sima-opt %s -p 'qnn-to-sima-pipeline{partial=true},convert-qnn-to-sima' --allow-unregistered-dialect 2>/dev/null | filecheck %s

// REMARK: [Missed] 'qnn.detect' op left in qnn: it is not an operation of the qnn dialect; check its name
// REMARK: [Analysis] 'func.func' op @main: 1 operation on the accelerator, 1 on the host in 1 function
// REMARK: [Analysis] 'func.func' op @main_host_0: qnn.detect x1; takes tensor<4xi8> (4 bytes), gives tensor<4xf32> (16 bytes)
// ERROR: error: 'qnn.detect' op cannot be lowered: it is not an operation of the qnn dialect; check its name
// CHECK: func.func @main
// CHECK-NEXT: %[[C:.*]] = sima.clip
// CHECK-NEXT: %[[R:.*]] = func.call @main_host_0(%[[C]])
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @main_host_0({{.*}} attributes {sima.host} {
// CHECK-NEXT: "qnn.detect"
func.func @main(%x: tensor<4xi8>) -> tensor<4xf32> {
  %0 = qnn.clip %x min = 0 max = 9 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = "qnn.detect"(%0) : (tensor<4xi8>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
