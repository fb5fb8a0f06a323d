// If this fails, a clip is left that another one makes superfluous, or the one that is left clamps
// to other codes than the two did.
// RUN: sima-opt %s --split-input-file -p qnn-merge-clip | filecheck %s

// CHECK-LABEL: @two
// CHECK-SAME: (%[[X:.*]]: tensor<4xi8>)
// CHECK-NEXT: %[[R:.*]] = qnn.clip %[[X]] min = 0 max = 50 :
// CHECK-NEXT: return %[[R]]
func.func @two(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.clip %x min = -10 max = 50 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %0 min = 0 max = 100 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}

// -----

// Ranges that do not meet leave one code.
// CHECK-LABEL: @apart
// CHECK: qnn.clip %{{.*}} min = 20 max = 20 :
func.func @apart(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.clip %x min = -10 max = 10 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %0 min = 20 max = 30 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %1 : tensor<4xi8>
}

// -----

// The first clip stays for its other user.
// CHECK-LABEL: @shared
// CHECK: %[[A:.*]] = qnn.clip %[[X:.*]] min = -10 max = 50 :
// CHECK-NEXT: %[[B:.*]] = qnn.clip %[[X]] min = 0 max = 50 :
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @shared(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>) {
  %0 = qnn.clip %x min = -10 max = 50 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %0 min = 0 max = 100 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0, %1 : tensor<4xi8>, tensor<4xi8>
}

// -----

// CHECK-LABEL: @without_effect
// CHECK-NOT: qnn.clip %{{.*}} min = -128 max = 127
// CHECK: qnn.clip %{{.*}} min = 1 max = 9 :
// CHECK-NOT: qnn.clip
func.func @without_effect(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<2x2xi8>) {
  %0 = qnn.clip %x min = -128 max = 127 : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %x min = 1 max = 9 : (tensor<4xi8>) -> tensor<4xi8>
  %2 = qnn.reshape %1 : (tensor<4xi8>) -> tensor<2x2xi8>
  %3 = qnn.clip %2 min = 0 max = 10 : (tensor<2x2xi8>) -> tensor<2x2xi8>
  func.return %0, %3 : tensor<4xi8>, tensor<2x2xi8>
}
