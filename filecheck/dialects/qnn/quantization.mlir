// Fails when a scale is not the same double after printing and reading, or is not the shortest.
// RUN: SIMA_ROUNDTRIP

// CHECK: @exponent
// CHECK-NEXT: input_q = <scale = 1.0e-05, zero_point = 0>
func.func @exponent(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0.00001> : (tensor<4xi8>) -> tensor<4xf32>
  return
}

// CHECK: @large
// CHECK-NEXT: input_q = <scale = 12345678.0, zero_point = 0>
func.func @large(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 12345678> : (tensor<4xi8>) -> tensor<4xf32>
  return
}

// CHECK: @seventeen_digits
// CHECK-NEXT: input_q = <scale = 0.30000000000000004, zero_point = 0>
func.func @seventeen_digits(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0.300000000000000044409>
    : (tensor<4xi8>) -> tensor<4xf32>
  return
}

// CHECK: @bits
// CHECK-NEXT: input_q = <scale = [1.0, 0.30000000000000004], zero_point = 0>
func.func @bits(%x: tensor<2xi8>) {
  %r = qnn.dequantize %x input_q = <scale = [0x3FF0000000000000, 0x3fd3333333333334]>
    : (tensor<2xi8>) -> tensor<2xf32>
  return
}

// CHECK: @least
// CHECK-NEXT: input_q = <scale = 5.0e-324, zero_point = 0>
func.func @least(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0x1> : (tensor<4xi8>) -> tensor<4xf32>
  return
}

// CHECK: @greatest
// CHECK-NEXT: input_q = <scale = 1.7976931348623157e+308, zero_point = 0>
func.func @greatest(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = 0x7FEFFFFFFFFFFFFF> : (tensor<4xi8>) -> tensor<4xf32>
  return
}

// CHECK: @list_of_one
// CHECK-NEXT: input_q = <scale = 0.5, zero_point = -2147483648>
func.func @list_of_one(%x: tensor<4xi8>) {
  %r = qnn.dequantize %x input_q = <scale = [0.5], zero_point = -2147483648>
    : (tensor<4xi8>) -> tensor<4xf32>
  return
}
