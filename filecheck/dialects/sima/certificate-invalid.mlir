// Fails when a certificate that can promise nothing is read.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: max_error must not be negative, got -1
func.func @certificate_c1(%x: tensor<1x2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = -1, source = {input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding upward>}>
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  return
}
