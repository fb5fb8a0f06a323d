// Fails when a property that stands among the discardable attributes is silently left out.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: strides is a property, got a discardable attribute
func.func @custom(%x: tensor<1x8x1xi8>) {
  %r = qnn.max_pool %x pool_size = [1] {strides = array<i64: 2>}
    : (tensor<1x8x1xi8>) -> tensor<1x8x1xi8>
  return
}

// -----

// CHECK: strides is a property, got a discardable attribute
func.func @twice(%x: tensor<1x8x1xi8>) {
  %r = "qnn.max_pool"(%x) <{pool_size = array<i64: 1>, strides = array<i64: 2>}>
    {strides = array<i64: 1>} : (tensor<1x8x1xi8>) -> tensor<1x4x1xi8>
  return
}
