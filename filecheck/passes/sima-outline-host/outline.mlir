// If this fails, an operation that is not of the accelerator stays among those that are, the order
// of computation is broken, or a value does not cross.
// RUN: sima-opt %s --split-input-file --allow-unregistered-dialect -p sima-outline-host 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK --input-file=%t
// RUN: sima-opt %s --split-input-file --allow-unregistered-dialect -p sima-outline-host,sima-outline-host 2>/dev/null | filecheck %s

// Two turns: what %b is for needs the accelerator in between. What the accelerator computes at the
// end does not wait for the host.
// REMARK: outline.mlir:[[@LINE+17]]:1: remark: [Analysis] 'func.func' op @main: 3 operations on the accelerator, 3 on the host in 2 functions
// REMARK: outline.mlir:[[@LINE+19]]:8: remark: [Analysis] 'func.func' op @main_host_0: other.op x1, qnn.clip x1; takes tensor<4xi8>, tensor<4xi8> (8 bytes), gives tensor<4xi8> (4 bytes)
// REMARK: outline.mlir:[[@LINE+22]]:8: remark: [Analysis] 'func.func' op @main_host_1: other.op x1; takes tensor<4xi8> (4 bytes), gives tensor<4xf32> (16 bytes)
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4xi8>)
// CHECK-NEXT: %[[A:.*]] = sima.clip %[[X]] min = 0 max = 5 :
// CHECK-NEXT: %[[E:.*]] = sima.clip %[[A]] min = 1 max = 5 :
// CHECK-NEXT: %[[C:.*]] = func.call @main_host_0(%[[A]], %[[X]]) : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
// CHECK-NEXT: %[[D:.*]] = sima.clip %[[C]] min = 0 max = 3 :
// CHECK-NEXT: %[[F:.*]] = func.call @main_host_1(%[[D]]) : (tensor<4xi8>) -> tensor<4xf32>
// CHECK-NEXT: return %[[F]], %[[E]]
// CHECK: func.func private @main_host_0(%[[A:.*]]: tensor<4xi8>, %[[X:.*]]: tensor<4xi8>) -> tensor<4xi8> attributes {sima.host} {
// CHECK-NEXT: %[[K:.*]] = arith.constant dense<1> : tensor<4xi8>
// CHECK-NEXT: %[[B:.*]] = qnn.clip %[[A]]
// CHECK-NEXT: %[[C:.*]] = "other.op"(%[[B]], %[[K]], %[[X]])
// CHECK-NEXT: return %[[C]]
// CHECK: func.func private @main_host_1(%[[D:.*]]: tensor<4xi8>) -> tensor<4xf32> attributes {sima.host} {
func.func @main(%x: tensor<4xi8>) -> (tensor<4xf32>, tensor<4xi8>) {
  %k = arith.constant dense<1> : tensor<4xi8>
  %a = sima.clip %x min = 0 max = 5 : (tensor<4xi8>) -> tensor<4xi8>
  %b = qnn.clip %a min = 0 max = 4 : (tensor<4xi8>) -> tensor<4xi8>
  %c = "other.op"(%b, %k, %x) : (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %d = sima.clip %c min = 0 max = 3 : (tensor<4xi8>) -> tensor<4xi8>
  %e = sima.clip %a min = 1 max = 5 : (tensor<4xi8>) -> tensor<4xi8>
  %f = "other.op"(%d) : (tensor<4xi8>) -> tensor<4xf32>
  func.return %f, %e : tensor<4xf32>, tensor<4xi8>
}

// -----

// A name that is taken is not taken again; a value that is returned crosses.
// CHECK-LABEL: func.func @f
// CHECK: call @f_host_0_(
// CHECK: func.func private @f_host_0_
// CHECK: func.func private @f_host_0(
func.func @f(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.clip %x min = 0 max = 4 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}
func.func private @f_host_0(tensor<4xi8>)

// -----

// CHECK-LABEL: func.func @all_on_the_accelerator
// CHECK-NEXT: sima.clip
// CHECK-NEXT: return
// CHECK-NOT: func.func
func.func @all_on_the_accelerator(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = sima.clip %x min = 0 max = 4 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}

// -----

// REMARK: [Missed] 'func.func' op not divided: its 'scf.execute_region' has regions
// CHECK-LABEL: func.func @regions
// CHECK-NOT: call
func.func @regions(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = scf.execute_region -> (tensor<4xi8>) {
    scf.yield %x : tensor<4xi8>
  }
  func.return %0 : tensor<4xi8>
}

// -----

// REMARK: [Missed] 'func.func' op not divided: it has 2 blocks, only one can be divided
// CHECK-LABEL: func.func @blocks
// CHECK-NOT: call
func.func @blocks(%x: tensor<4xi8>) -> tensor<4xi8> {
  cf.br ^bb1(%x : tensor<4xi8>)
^bb1(%y: tensor<4xi8>):
  %0 = qnn.clip %y min = 0 max = 4 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}

// -----

// What may have effects stays in its order, calls too.
// CHECK-LABEL: func.func @effects
// CHECK-NEXT: call @effects_host_0
// CHECK-NEXT: call @other
// CHECK-NEXT: call @effects_host_1
// CHECK-NEXT: return
func.func private @other()
func.func @effects() {
  "some.effect"() : () -> ()
  func.call @other() : () -> ()
  "some.effect"() : () -> ()
  func.return
}

// -----

// REMARK: [Missed] 'func.func' op not divided: it ends with 'some.end', not with 'func.return'
// CHECK-LABEL: func.func @end
// CHECK-NEXT: qnn.clip
func.func @end(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.clip %x min = 0 max = 4 : (tensor<4xi8>) -> tensor<4xi8>
  "some.end"(%0) : (tensor<4xi8>) -> ()
}
