// Fails when a weight that is stored as a resource loses its bytes or its name.
// RUN: SIMA_ROUNDTRIP

// CHECK: bias = dense_resource<[[BIAS:[a-z_0-9]+]]> : tensor<2xi32>
// CHECK-SAME: weight = dense_resource<[[WEIGHT:[a-z_0-9]+]]> : tensor<2x2xi8>
func.func @resources(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %r = sima.dense %x shift = 7 bias = dense_resource<the_bias> : tensor<2xi32>
    weight = dense_resource<the_weight> : tensor<2x2xi8> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return %r : tensor<1x2xi8>
}

// CHECK-DAG: [[BIAS]]: "0x0400000001000000FEFFFFFF"
// CHECK-DAG: [[WEIGHT]]: "0x010000007FC005DA"
{-#
  dialect_resources: {
    builtin: {
      the_bias: "0x0400000001000000FEFFFFFF",
      the_weight: "0x010000007FC005DA"
    }
  }
#-}
