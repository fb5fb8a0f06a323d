// If this fails, it can't be seen which passes and dialects there are, and what a pipeline runs.
// RUN: sima-opt --list-passes | filecheck %s --check-prefix=PASSES
// RUN: sima-opt --show-dialects | filecheck %s --check-prefix=DIALECTS
// RUN: sima-opt %s -p 'cse,convert-qnn-to-sima{partial=true}' --dump-pass-pipeline 2>&1 >%t | filecheck %s --check-prefix=DUMP
// RUN: sima-opt %s --pass-pipeline='builtin.module(cse)' --dump-pass-pipeline 2>&1 >%t | filecheck %s --check-prefix=ONE

// PASSES: {{^}}Passes:{{$}}
// PASSES-NEXT: {{^}}  convert-qnn-to-sima{{$}}
// PASSES-NEXT: Lowers quantized operations to those of the accelerator, computing their constants.
// PASSES-NEXT: {{^}}    requantization=sima{{$}}
// PASSES: {{^}}  cse{{$}}

// DIALECTS: {{^}}Available Dialects: {{.*}},qnn,{{.*}},sima,

// DUMP: Pass Manager with 2 passes:
// DUMP-NEXT: {{^}}builtin.module({{$}}
// DUMP-NEXT: {{^}}  cse,{{$}}
// DUMP-NEXT: {{^}}  convert-qnn-to-sima{requantization=sima weight-rounding=sum-preserving certify=false partial=true}{{$}}
// DUMP-NEXT: {{^}}){{$}}

// ONE: Pass Manager with 1 pass:
func.func @main() {
  func.return
}
