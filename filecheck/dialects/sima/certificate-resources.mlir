// Fails when a certificate is not checked because constants are resources, or is refused for it.
// RUN: not sima-opt --split-input-file %s 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=ERROR < %t

// The operation's constants are resources, those of its source are not.
// CHECK: @mixed
// CHECK-NEXT: sima.dense {{.*}} certificate = <max_error = 0, {{.*}} weight = dense_resource<one>
// ERROR-NOT: error
func.func @mixed(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 0
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, bias = dense<4> : tensor<1xi32>,
      weight = dense<2> : tensor<1x1xi8>}>
    bias = dense_resource<two> : tensor<1xi32> weight = dense_resource<one> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

{-#
  dialect_resources: { builtin: { one: "0x0100000001", two: "0x0400000002000000" } }
#-}

// -----

// A bias of 3 where the source has 2 is off by one everywhere.
// ERROR: certificate-resources.mlir:[[# @LINE + 2]]:8: error: 'sima.dense' op certificate must have max_error at least 1, got 0
func.func @too_small(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 0
    certificate = <max_error = 0, source = {input_q = #qnn.quantization<scale = 1.0>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32, bias = dense_resource<two> : tensor<1xi32>}>
    bias = dense_resource<three> : tensor<1xi32> weight = dense<1> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}

{-#
  dialect_resources: { builtin: { two: "0x0400000002000000", three: "0x0400000003000000" } }
#-}

// -----

// ERROR: certificate-resources.mlir:[[# @LINE + 2]]:8: error: 'sima.dense' op certificate cannot be checked: resource 'gone' is not defined
func.func @gone(%x: tensor<1x1xi8>) {
  %r = sima.dense %x shift = 0
    certificate = <max_error = 255, source = {input_q = #qnn.quantization<scale = 1.0>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>,
      input_zero_point = 0 : i32}>
    bias = dense<0> : tensor<1xi32> weight = dense_resource<gone> : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  return
}
