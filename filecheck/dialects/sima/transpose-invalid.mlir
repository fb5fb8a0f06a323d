// Fails when the verifier of sima.transpose lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: permutation must have each of the 2 axes of data once, got [0]
func.func @transpose_c1(%x: tensor<2x3xi8>) {
  %r = sima.transpose %x permutation = [0] : (tensor<2x3xi8>) -> tensor<2x3xi8>
  return
}

// -----

// CHECK: permutation must have each of the 2 axes of data once, got [1, 1]
func.func @transpose_c1_twice(%x: tensor<2x3xi8>) {
  %r = sima.transpose %x permutation = [1, 1] : (tensor<2x3xi8>) -> tensor<3x3xi8>
  return
}

// -----

// CHECK: permutation must have each of the 2 axes of data once, got [0, 2]
func.func @transpose_c1_outside(%x: tensor<2x3xi8>) {
  %r = sima.transpose %x permutation = [0, 2] : (tensor<2x3xi8>) -> tensor<2x3xi8>
  return
}

// -----

// CHECK: result must have shape 3x2, got 2x3
func.func @transpose_c2(%x: tensor<2x3xi8>) {
  %r = sima.transpose %x permutation = [1, 0] : (tensor<2x3xi8>) -> tensor<2x3xi8>
  return
}

// -----

// CHECK: result must have element type i8, got i16
func.func @transpose_c3(%x: tensor<2x3xi8>) {
  %r = sima.transpose %x permutation = [1, 0] : (tensor<2x3xi8>) -> tensor<3x2xi16>
  return
}
