// Fails when a module is not run once for each of the 450 images, or a result is left out.
// RUN: sima-run %s --inputs %S/../../../examples/digits/digits_test.npz | filecheck %s
// RUN: sima-run %s --inputs %S/../../../examples/digits/digits_test.npz --outputs %t.npz | not grep .
// RUN: not sima-run %s --inputs %s 2>&1 | filecheck %s --check-prefix=INPUTS

// CHECK: out0 450x64 int8
// CHECK-NEXT: out1 450x8x8x1 int8
// INPUTS: error: inputs '{{.*}}summary.mlir' must be an .npz
func.func @main(%x: tensor<1x8x8x1xi8>) -> (tensor<1x64xi8>, tensor<1x8x8x1xi8>) {
  %0 = sima.reshape %x : (tensor<1x8x8x1xi8>) -> tensor<1x64xi8>
  func.return %0, %x : tensor<1x64xi8>, tensor<1x8x8x1xi8>
}
