// Fails when the verifier of qnn.clip lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: clip min must be at most its max, got 6 and 0
func.func @clip_c1(%x: tensor<4xi8>) {
  %r = qnn.clip %x min = 6 max = 0 : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: clip min must be in 0..255, got -1
func.func @clip_c2(%x: tensor<4xui8>) {
  %r = qnn.clip %x min = -1 max = 6 : (tensor<4xui8>) -> tensor<4xui8>
  return
}

// -----

// CHECK: clip max must be in -128..127, got 128
func.func @clip_c2_max(%x: tensor<4xi8>) {
  %r = qnn.clip %x min = 0 max = 128 : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: result must have type tensor<4xi8>, got tensor<4xui8>
func.func @clip_c3(%x: tensor<4xi8>) {
  %r = qnn.clip %x min = 0 max = 6 : (tensor<4xi8>) -> tensor<4xui8>
  return
}
