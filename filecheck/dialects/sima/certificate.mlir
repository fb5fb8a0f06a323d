// Fails when a certificate that is true is refused, or says something else after printing and reading.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt --mlir-print-op-generic %s | filecheck %s --check-prefix=GENERIC
// RUN: sima-opt %s -o %t.mlir
// RUN: sima-opt %t.mlir | diff %t.mlir -

// Halves round alike.
// CHECK: @exact(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 1 shift = 1 certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5, zero_point = 0>, output_q = #qnn.quantization<scale = 1.0, zero_point = 0>, rounding = #qnn<rounding upward>}> : (
// GENERIC: "sima.requantize"({{.*}}) <{scale_correction = 1 : i32, shift = 1 : i32, certificate = #sima.certificate<max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5, zero_point = 0>, output_q = #qnn.quantization<scale = 1.0, zero_point = 0>, rounding = #qnn<rounding upward>}>, bias = 0 : i32
func.func @exact(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// A bound may be larger than it has to be.
// CHECK: @larger(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] {{.*}} certificate = <max_error = 2147483647, source = {
func.func @larger(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = 2147483647, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// It need not hold for codes that the operand cannot have: none of the halves is negative here.
// CHECK: @range(
// CHECK-NEXT: %[[C:.*]] = sima.clip
// CHECK-NEXT: sima.requantize %[[C]] {{.*}} certificate = <max_error = 0, source = {{{.*}}, rounding = #qnn<rounding away>, input_codes = array<i32: 0, 127>}> : (
func.func @range(%x: tensor<1x2xi8>) {
  %c = sima.clip %x min = 0 max = 100 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %r = sima.requantize %c scale_correction = 1 shift = 1
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>,
      input_codes = array<i32: 0, 127>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// The clamp comes before it, the bias of a requantization after it.
// CHECK: @neighbours(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] scale_correction = 1 shift = 1 clamp = [0, 6] certificate = <max_error = 0, source = {{{.*}}, clamp = array<i32: 0, 6>}> bias = -3 : (
func.func @neighbours(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1 clamp = [0, 6]
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5, zero_point = 3>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      clamp = array<i32: 0, 6>}>
    bias = -3 : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_attributes(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] {{.*}} certificate = <max_error = 1, source = {input_q
func.func @as_attributes(%x: tensor<1x2xi8>) {
  %r = "sima.requantize"(%x) {scale_correction = 1 : i32, shift = 1 : i32,
    certificate = #sima.certificate<max_error = 1, source = {
      input_q = #qnn.quantization<scale = 0.5>, output_q = #qnn.quantization<scale = 1.0>,
      rounding = #qnn<rounding away>}>} : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @as_properties(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] {{.*}} certificate = <max_error = 1, source = {input_q
func.func @as_properties(%x: tensor<1x2xi8>) {
  %r = "sima.requantize"(%x) <{scale_correction = 1 : i32, shift = 1 : i32,
    certificate = #sima.certificate<max_error = 1, source = {
      input_q = #qnn.quantization<scale = 0.5>, output_q = #qnn.quantization<scale = 1.0>,
      rounding = #qnn<rounding away>}>}> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// CHECK: @alias(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.requantize %[[X]] {{.*}} certificate = <max_error = 1, source = {input_q
#promise = #sima.certificate<max_error = 1, source = {input_q = #qnn.quantization<scale = 0.5>,
  output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>}>
func.func @alias(%x: tensor<1x2xi8>) {
  %r = "sima.requantize"(%x) <{scale_correction = 1 : i32, shift = 1 : i32, certificate = #promise}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}

// What is quoted may be a resource, as may the operation's constants: 2 * 1/2 is the weight 1, and
// 4 * 1/2 the bias 2.
// CHECK: @resources(%[[X:[a-z0-9]+]]:
// CHECK-NEXT: sima.dense %[[X]] shift = 0 certificate = <max_error = 0, source = {{{.*}}, bias = dense_resource<[[FOUR:[a-z_0-9]+]]> : tensor<1xi32>, weight = dense_resource<[[TWO:[a-z_0-9]+]]> : tensor<1x1xi8>}> bias = dense_resource<[[BIAS:[a-z_0-9]+]]> : tensor<1xi32> weight = dense_resource<[[ONE:[a-z_0-9]+]]> : tensor<1x1xi8>
func.func @resources(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 0
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, bias = dense_resource<four> : tensor<1xi32>,
      weight = dense_resource<two> : tensor<1x1xi8>}>
    bias = dense_resource<bias> : tensor<1xi32> weight = dense_resource<one> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

// CHECK-DAG: [[FOUR]]: "0x0400000004000000"
// CHECK-DAG: [[TWO]]: "0x0100000002"
// CHECK-DAG: [[BIAS]]: "0x0400000002000000"
// CHECK-DAG: [[ONE]]: "0x0100000001"
{-#
  dialect_resources: {
    builtin: {
      four: "0x0400000004000000",
      two: "0x0100000002",
      bias: "0x0400000002000000",
      one: "0x0100000001"
    }
  }
#-}
