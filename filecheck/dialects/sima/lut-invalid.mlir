// Fails when the verifier of sima.lut lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: table must have shape 256 or 4x256, got 255
func.func @lut_c1(%x: tensor<4xi8>) {
  %r = sima.lut %x table = dense<0> : tensor<255xi8> : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: table must have shape 256 or 4x256, got 1x256
func.func @lut_c1_rank(%x: tensor<4xi8>) {
  %r = sima.lut %x table = dense<0> : tensor<1x256xi8> : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: table must be a tensor of i8, got tensor<256xi16>
func.func @lut_c1_type(%x: tensor<4xi8>) {
  %r = sima.lut %x table = dense<0> : tensor<256xi16> : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: result must have type tensor<4xi8>, got tensor<5xi8>
func.func @lut_c2(%x: tensor<4xi8>) {
  %r = sima.lut %x table = dense<0> : tensor<256xi8> : (tensor<4xi8>) -> tensor<5xi8>
  return
}

// -----

// CHECK: table must have shape 256, got 1x256
func.func @lut_c1_scalar(%x: tensor<i8>) {
  %r = sima.lut %x table = dense<0> : tensor<1x256xi8> : (tensor<i8>) -> tensor<i8>
  return
}
