// If this fails, a clip stays behind moves of codes, where the lowering can't fuse it, or it is
// moved where that would change a result.
// RUN: sima-opt %s --split-input-file -p qnn-merge-clip | filecheck %s

// The code of the pad is clamped too.
// CHECK-LABEL: @hoisted
// CHECK: %[[C:.*]] = qnn.requantize
// CHECK-NEXT: %[[D:.*]] = qnn.clip %[[C]] min = 0 max = 6 :
// CHECK-NEXT: %[[P:.*]] = qnn.pad %[[D]] padding = [0, 1, 0, 1] value = 0 :
// CHECK-NEXT: %[[R:.*]] = qnn.reshape %[[P]]
// CHECK-NEXT: return %[[R]]
func.func @hoisted(%x: tensor<1x2xi32>) -> tensor<4xi8> {
  %0 = qnn.requantize %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  %1 = qnn.pad %0 padding = [0, 1, 0, 1] value = -7 : (tensor<1x2xi8>) -> tensor<1x4xi8>
  %2 = qnn.reshape %1 : (tensor<1x4xi8>) -> tensor<4xi8>
  %3 = qnn.clip %2 min = 0 max = 6 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %3 : tensor<4xi8>
}

// -----

// An interpolation rounds; a value with two users can't be clamped for one.
// CHECK-LABEL: @stays
// CHECK: qnn.resize
// CHECK-NEXT: qnn.clip
// CHECK: qnn.reshape
// CHECK-NEXT: qnn.clip
func.func @stays(%x: tensor<1x2x2x1xi8>) -> (tensor<1x4x4x1xi8>, tensor<4xi8>, tensor<4xi8>) {
  %0 = qnn.sigmoid %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 2.0, zero_point = 0> : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  %1 = qnn.resize %0 steps = [1, 1] offsets = [0, 0] divisors = [2, 2] linear : (tensor<1x2x2x1xi8>) -> tensor<1x4x4x1xi8>
  %2 = qnn.clip %1 min = 0 max = 6 : (tensor<1x4x4x1xi8>) -> tensor<1x4x4x1xi8>
  %3 = qnn.sigmoid %x input_q = <scale = 1.0, zero_point = 0> output_q = <scale = 0.5, zero_point = 0> : (tensor<1x2x2x1xi8>) -> tensor<1x2x2x1xi8>
  %4 = qnn.reshape %3 : (tensor<1x2x2x1xi8>) -> tensor<4xi8>
  %5 = qnn.clip %4 min = 0 max = 6 : (tensor<4xi8>) -> tensor<4xi8>
  func.return %2, %4, %5 : tensor<1x4x4x1xi8>, tensor<4xi8>, tensor<4xi8>
}
