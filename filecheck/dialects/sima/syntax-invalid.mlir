// Fails when a number or a name that can not be meant is read, or ends in a traceback.
// RUN: not sima-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: integer must be in -2147483648..2147483647, got 2147483648
func.func @more_than_32_bits(%x: tensor<2xi8>) {
  %r = sima.requantize %x scale_correction = 2147483648 shift = 0 : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: integer must be in -2147483648..2147483647, got 99999999999
func.func @more_than_32_bits_in_a_list(%x: tensor<2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = [1, 99999999999]
    : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: expected one of sima, tflite, got onnx
func.func @unknown_requantization(%x: tensor<2xi8>) {
  %r = sima.requantize %x requantization = onnx scale_correction = 1 shift = 0
    : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: integer must be in -2147483648..2147483647, got 2147483648
func.func @more_than_32_bits_of_error(%x: tensor<2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0
    certificate = <max_error = 2147483648, source = {}> : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----

// CHECK: '>' expected
func.func @after_the_source(%x: tensor<2xi8>) {
  %r = sima.requantize %x scale_correction = 1 shift = 0
    certificate = <max_error = 0, source = {} and more> : (tensor<2xi8>) -> tensor<2xi8>
  return
}
