// Fails when an operation does not know where it was written, or loses what it was told.
// RUN: sima-opt %s --allow-unregistered-dialect --mlir-print-debuginfo | filecheck %s
// RUN: sima-opt %s --allow-unregistered-dialect --mlir-print-debuginfo --mlir-print-op-generic | sima-opt --allow-unregistered-dialect --mlir-print-debuginfo | filecheck %s

// CHECK: "t.two"() : () -> (i1, i1) loc("{{.*}}locations.mlir":7:12)
func.func @f() {
  %a, %b = "t.two"() : () -> (i1, i1)
  // CHECK: "t.named"() : () -> () loc("conv")
  "t.named"() : () -> () loc("conv")
  // CHECK: "t.unknown"() : () -> () loc(unknown)
  "t.unknown"() : () -> () loc(unknown)
  // CHECK: return loc("{{.*}}locations.mlir":13:3)
  func.return
}
