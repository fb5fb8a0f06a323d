// If this fails, it is not told where the time goes.
// RUN: sima-opt %s -p cse,dce --mlir-timing 2>&1 >%t | filecheck %s
// RUN: sima-opt %s -p cse,dce --mlir-timing --verify-each=false 2>&1 >%t | filecheck %s --check-prefix=LAST
// RUN: not sima-opt %s --verify-each=maybe 2>&1 | filecheck %s --check-prefix=USAGE

// CHECK: {{^}}===-------------------------------------------------------------------------==={{$}}
// CHECK-NEXT: {{^}}                         ... Execution time report ...{{$}}
// CHECK-NEXT: {{^}}===-------------------------------------------------------------------------==={{$}}
// CHECK-NEXT: {{^}}  Total Execution Time: {{[0-9]+\.[0-9]+}} seconds{{$}}
// CHECK: ----Wall Time----  ----Name----
// CHECK-NEXT: {{[0-9]+\.[0-9]+}} ({{ *[0-9.]+}}%)  Parser
// CHECK-NEXT: {{[0-9]+\.[0-9]+}} ({{ *[0-9.]+}}%)  CommonSubexpressionElimination
// CHECK-NEXT: (V) after CommonSubexpressionElimination
// CHECK-NEXT: %)  DeadCodeElimination
// CHECK-NEXT: (V) after DeadCodeElimination
// CHECK-NEXT: %)  Output
// CHECK-NEXT: %)  Rest
// CHECK-NEXT: (100.0%)  Total

// Without --verify-each only the last pass is verified.
// LAST: CommonSubexpressionElimination
// LAST-NEXT: DeadCodeElimination
// LAST-NEXT: (V) after DeadCodeElimination

// USAGE: argument --verify-each: must be true or false, got 'maybe'
func.func @main() {
  func.return
}
