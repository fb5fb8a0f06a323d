// If this fails, a function of one code becomes a table of other codes, or its remark tells less.
// RUN: sima-opt %s --split-input-file --remarks -p convert-qnn-to-sima 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t

// Magnitudes in one encoding: 127 for -128 too, then 127, 126, … 0, 1, … 127.
// REMARK: [Passed] 'qnn.abs' op lowered to 'sima.lut': max_error = 0
// CHECK-LABEL: @abs
// CHECK: sima.lut %{{.*}} table = dense<"0x7F7F7E7D7C7B7A797877767574737271706F6E6D6C6B6A696867666564636261605F5E5D5C5B5A595857565554535251504F4E4D4C4B4A494847464544434241403F3E3D3C3B3A393837363534333231302F2E2D2C2B2A292827262524232221201F1E1D1C1B1A191817161514131211100F0E0D0C0B0A090807060504030201000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F"> : tensor<256xi8>
func.func @abs(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.abs %x input_q = <scale = 0.5> output_q = <scale = 0.5> rounding = tflite : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// Negative codes are halved, and half a code goes away from zero.
// REMARK: [Passed] 'qnn.leaky_relu' op lowered to 'sima.lut': max_error = 0
// CHECK-LABEL: @leaky_relu
// CHECK: sima.lut %{{.*}} table = dense<"0xC0C0C1C1C2C2C3C3C4C4C5C5C6C6C7C7C8C8C9C9CACACBCBCCCCCDCDCECECFCFD0D0D1D1D2D2D3D3D4D4D5D5D6D6D7D7D8D8D9D9DADADBDBDCDCDDDDDEDEDFDFE0E0E1E1E2E2E3E3E4E4E5E5E6E6E7E7E8E8E9E9EAEAEBEBECECEDEDEEEEEFEFF0F0F1F1F2F2F3F3F4F4F5F5F6F6F7F7F8F8F9F9FAFAFBFBFCFCFDFDFEFEFFFF000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F"> : tensor<256xi8>
func.func @leaky_relu(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.leaky_relu %x alpha = 0.5 : f64 input_q = <scale = 0.5> output_q = <scale = 0.5> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

// A clip after a table is in it: its least code is -100, its largest 100.
// REMARK: [Passed] 'qnn.sigmoid' op lowered to 'sima.lut': max_error = 0
// CHECK-LABEL: @chain
// CHECK: sima.lut %{{.*}} table = dense<"0x9C9C9C{{.*}}FAFC{{.*}}646464"> : tensor<256xi8>
// CHECK-NEXT: return
func.func @chain(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = qnn.sigmoid %x input_q = <scale = 0.5> output_q = <scale = 0.00390625, zero_point = -128> rounding = tflite : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %1 = qnn.clip %0 min = -100 max = 100 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %1 : tensor<1x4xi8>
}

// -----

// A list of slopes gives a table for each channel: 1 keeps codes, 0 makes -128..-1 zero.
// CHECK-LABEL: @prelu
// CHECK: sima.lut %{{.*}} table = dense<"0x808182{{.*}}7E7F00000000{{.*}}7E7F"> : tensor<2x256xi8>
func.func @prelu(%x: tensor<1x4x2xi8>) -> tensor<1x4x2xi8> {
  %0 = qnn.prelu %x alpha = [1, 0] alpha_q = <scale = 1.0> input_q = <scale = 0.5> output_q = <scale = 0.5> rounding = tflite : (tensor<1x4x2xi8>) -> tensor<1x4x2xi8>
  func.return %0 : tensor<1x4x2xi8>
}

// -----

// Clips come one after the other; one whose operand has another user stays.
// CHECK-LABEL: @clip
// REMARK: [Passed] 'qnn.clip' op fused into 'sima.lut'
// REMARK: [Passed] 'qnn.clip' op fused into 'sima.lut'
// REMARK: [Passed] 'qnn.clip' op lowered to 'sima.clip'
// CHECK: sima.lut %{{.*}} table = dense<7> : tensor<256xi8>
// CHECK: %[[T:.*]] = sima.lut
// CHECK-NEXT: sima.clip %[[T]] min = 7 max = 7
func.func @clip(%x: tensor<1x4xi8>) -> (tensor<1x4xi8>, tensor<1x4xi8>, tensor<1x4xi8>) {
  %0 = qnn.tanh %x input_q = <scale = 0.1> output_q = <scale = 0.0078125> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %1 = qnn.clip %0 min = -5 max = 7 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %2 = qnn.clip %1 min = 7 max = 9 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %3 = qnn.tanh %x input_q = <scale = 0.1> output_q = <scale = 0.0078125> : (tensor<1x4xi8>) -> tensor<1x4xi8>
  %4 = qnn.clip %3 min = 7 max = 7 : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %2, %3, %4 : tensor<1x4xi8>, tensor<1x4xi8>, tensor<1x4xi8>
}
