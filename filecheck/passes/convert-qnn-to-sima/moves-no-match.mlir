// If this fails, the accelerator is given a move of codes that it has not, or nobody learns why
// it is not given one: each restriction gives its own reason here.
// RUN: sima-opt %s --split-input-file -p 'convert-qnn-to-sima{partial=true}' 2>&1 | filecheck %s
// RUN: not sima-opt %s --split-input-file -p 'convert-qnn-to-sima{max-error=0}' 2>&1 | filecheck %s --check-prefix=BUDGET

// CHECK: 'qnn.transpose' op left in qnn: its permutation [1, 0] moves the batch, axis 0; leave it to the host
func.func @transpose_batch(%x: tensor<2x3xi8>) -> tensor<3x2xi8> {
  %0 = qnn.transpose %x permutation = [1, 0] : (tensor<2x3xi8>) -> tensor<3x2xi8>
  func.return %0 : tensor<3x2xi8>
}

// -----

// CHECK: 'qnn.slice' op left in qnn: it slices the batch, from 2x3 to 1x3; leave it to the host
func.func @slice_batch(%x: tensor<2x3xi8>) -> tensor<1x3xi8> {
  %0 = qnn.slice %x starts = [1, 0] : (tensor<2x3xi8>) -> tensor<1x3xi8>
  func.return %0 : tensor<1x3xi8>
}

// -----

// CHECK: 'qnn.slice' op left in qnn: its stride -2 is negative, the accelerator takes positive ones; leave it to the host
func.func @slice_backwards(%x: tensor<2x3xi8>) -> tensor<2x2xi8> {
  %0 = qnn.slice %x starts = [0, 2] strides = [1, -2] : (tensor<2x3xi8>) -> tensor<2x2xi8>
  func.return %0 : tensor<2x2xi8>
}

// -----

// CHECK: 'qnn.pad' op left in qnn: it pads the batch by 3, the accelerator pads spatial axes; leave it to the host
// CHECK: 'qnn.pad' op left in qnn: it pads the channels by 1, the accelerator pads spatial axes; leave it to the host
func.func @pad_batch_or_channels(%x: tensor<2x3x1xi8>) -> (tensor<5x3x1xi8>, tensor<2x3x2xi8>) {
  %0 = qnn.pad %x padding = [1, 0, 0, 2, 0, 0] value = 0 : (tensor<2x3x1xi8>) -> tensor<5x3x1xi8>
  %1 = qnn.pad %x padding = [0, 0, 0, 0, 0, 1] value = 0 : (tensor<2x3x1xi8>) -> tensor<2x3x2xi8>
  func.return %0, %1 : tensor<5x3x1xi8>, tensor<2x3x2xi8>
}

// -----

// CHECK: 'qnn.concatenate' op left in qnn: it concatenates along the batch, axis 0; leave it to the host
func.func @concatenate_batch(%x: tensor<2x3xi8>) -> tensor<4x3xi8> {
  %0 = qnn.concatenate %x, %x axis = 0 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3> : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<4x3xi8>
  func.return %0 : tensor<4x3xi8>
}

// -----

// CHECK: 'qnn.concatenate' op left in qnn: its operand is encoded with #qnn.quantization<scale = 0.25, zero_point = 0>, but input_qs[1] is #qnn.quantization<scale = 0.5, zero_point = 3>; put a qnn.requantize between the two
func.func @concatenate_mismatch(%x: tensor<2x3xi8>, %y: tensor<2x3xi8> {qnn.quantization = #qnn.quantization<scale = 0.25, zero_point = 0>}) -> tensor<2x6xi8> {
  %z = qnn.transpose %y permutation = [0, 1] : (tensor<2x3xi8>) -> tensor<2x3xi8>
  %0 = qnn.concatenate %x, %z axis = 1 input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 3>] output_q = <scale = 0.5, zero_point = 3> : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x6xi8>
  func.return %0 : tensor<2x6xi8>
}

// -----

// CHECK: 'qnn.resize' op left in qnn: it interpolates at offset 0, the accelerator at half pixels, -256; resize with half-pixel centers, or to nearest pixels
func.func @resize_corners(%x: tensor<1x2x4xi8>) -> tensor<1x4x4xi8> {
  %0 = qnn.resize %x steps = [512] offsets = [0] divisors = [1024] linear : (tensor<1x2x4xi8>) -> tensor<1x4x4xi8>
  func.return %0 : tensor<1x4x4xi8>
}

// -----

// The second operand can be requantized well enough, the third can not: neither is.
// BUDGET: 'qnn.concatenate' op cannot be lowered: a result may be off by 1, max-error allows 0
// CHECK-LABEL: @concatenate_within_budget
func.func @concatenate_within_budget(%x: tensor<2x3xi8>) -> tensor<2x9xi8> {
  %0 = qnn.concatenate %x, %x, %x axis = 1 input_qs = [#qnn.quantization<scale = 1.0, zero_point = 3>, #qnn.quantization<scale = 2.0, zero_point = 3>, #qnn.quantization<scale = 0.5, zero_point = 4>] output_q = <scale = 1.0, zero_point = 3> rounding = away : (tensor<2x3xi8>, tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x9xi8>
  func.return %0 : tensor<2x9xi8>
}
