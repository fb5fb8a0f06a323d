// Fails when the verifier of sima.concat lets a broken constraint pass, or names it badly.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: inputs must be at least 1, got 0
func.func @concat_c1() {
  %r = "sima.concat"() <{axis = 0 : i64}> : () -> tensor<1xi8>
  return
}

// -----

// CHECK: axis must be in 0..1, got 2
func.func @concat_c1_axis(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = sima.concat %x, %y axis = 2
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: axis must be in 0..1, got -1
func.func @concat_c1_negative(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = sima.concat %x, %y axis = -1
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
  return
}

// -----

// CHECK: inputs must have the same shape but for axis 1, got [1, 4] and [2, 4]
func.func @concat_c1_shapes(%x: tensor<1x4xi8>, %y: tensor<2x4xi8>) {
  %r = sima.concat %x, %y axis = 1
    : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x8xi8>
  return
}

// -----

// CHECK: inputs must have the same shape but for axis 1, got [1, 4] and [4]
func.func @concat_c1_rank(%x: tensor<1x4xi8>, %y: tensor<4xi8>) {
  %r = sima.concat %x, %y axis = 1
    : (tensor<1x4xi8>, tensor<4xi8>) -> tensor<1x8xi8>
  return
}

// -----

// CHECK: result must have shape 1x6, got 1x7
func.func @concat_c2(%x: tensor<1x4xi8>, %y: tensor<1x2xi8>) {
  %r = sima.concat %x, %y axis = 1
    : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x7xi8>
  return
}

// -----

// CHECK: result must have element type i16, got i8
func.func @concat_c2_element_type(%x: tensor<1x4xi8>, %y: tensor<1x2xi16>) {
  %r = sima.concat %x, %y axis = 1
    : (tensor<1x4xi8>, tensor<1x2xi16>) -> tensor<1x6xi8>
  return
}
