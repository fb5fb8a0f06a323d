// Fails when an operation takes a value that has no shape, or no codes, to compute with.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: must have a static shape, got tensor<?x2xi8>
func.func @dynamic(%x: tensor<?x2xi8>) {
  %r = qnn.reshape %x : (tensor<?x2xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: must have a static shape, got tensor<?xi8>
func.func @dynamic_result(%x: tensor<4xi8>) {
  %r = qnn.reshape %x : (tensor<4xi8>) -> tensor<?xi8>
  return
}

// -----

// CHECK: must be a tensor of i8, ui8, i16 or i32, got tensor<*xi8>
func.func @unranked(%x: tensor<*xi8>) {
  %r = qnn.reshape %x : (tensor<*xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: must be a tensor of i8, ui8, i16 or i32, got memref<4xi8>
func.func @memref(%x: memref<4xi8>) {
  %r = qnn.reshape %x : (memref<4xi8>) -> tensor<4xi8>
  return
}

// -----

// CHECK: must be a tensor of i8, ui8 or i16, got tensor<1x8x1xi4>
func.func @four_bits(%x: tensor<1x8x1xi4>) {
  %r = qnn.max_pool %x pool_size = [1] : (tensor<1x8x1xi4>) -> tensor<1x8x1xi4>
  return
}

// -----

// CHECK: must be a tensor of i8 or ui8, got tensor<4xi16>
func.func @sixteen_bit_function(%x: tensor<4xi16>) {
  %r = qnn.tanh %x input_q = <scale = 1.0> output_q = <scale = 1.0> : (tensor<4xi16>) -> tensor<4xi16>
  return
}
