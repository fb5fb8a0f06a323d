// Fails when the verifier of sima.broadcast_to lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: data [2, 3] must broadcast to the result, got [2, 4]
func.func @broadcast_to_c1(%x: tensor<2x3xi8>) {
  %r = sima.broadcast_to %x : (tensor<2x3xi8>) -> tensor<2x4xi8>
  return
}

// -----

// CHECK: data [1, 3] must broadcast to the result, got [3]
func.func @broadcast_to_c1_rank(%x: tensor<1x3xi8>) {
  %r = sima.broadcast_to %x : (tensor<1x3xi8>) -> tensor<3xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @broadcast_to_c2(%x: tensor<1x3xi8>) {
  %r = sima.broadcast_to %x : (tensor<1x3xi8>) -> tensor<2x3xi16>
  return
}
