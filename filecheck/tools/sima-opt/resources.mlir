// Fails when the data of a resource is lost, mixed up, or printed so that mlir-opt can't read it.
// RUN: SIMA_ROUNDTRIP
// RUN: sima-opt %s | filecheck %s

func.func @f() {
  // CHECK: arith.constant dense_resource<a> : tensor<2xi8>
  %0 = arith.constant dense_resource<a> : tensor<2xi8>
  // CHECK: arith.constant dense_resource<"b c"> : tensor<1xi8>
  %1 = arith.constant dense_resource<"b c"> : tensor<1xi8>
  // CHECK: arith.constant dense_resource<elided> : tensor<9xi8>
  %2 = arith.constant dense_resource<elided> : tensor<9xi8>
  func.return
}

// CHECK:      {-#
// CHECK-NEXT:   dialect_resources: {
// CHECK-NEXT:     builtin: {
// CHECK-NEXT:       a: "0x040000000102",
// CHECK-NEXT:       "b c": "0x0100000003"
// CHECK-NEXT:     }
// CHECK-NEXT:   }
// CHECK-NEXT: #-}
{-#
  dialect_resources: {
    builtin: {
      unused: "0x0400000009",
      "b c": "0x0100000003",
      a: "0x040000000102"
    }
  }
#-}
