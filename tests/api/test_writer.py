"""Printing: what xDSL prints, without its losses, readable by it and by mlir-opt."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from xdsl.printer import Printer

from sima_mlir import SimaError, make_context, parse, write
from sima_mlir.dialects.elements import dense, elements
from sima_mlir.writer import ModulePrinter

MLIR_OPT = shutil.which("mlir-opt") or shutil.which("mlir-opt", path="/usr/lib/llvm-22/bin")

MODULE = """\
func.func @main(%arg0: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = sima.dense %arg0 shift = 3 bias = dense<[1, 2]> : tensor<2xi32>
    weight = dense_resource<"w 0"> : tensor<2x2xi8> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  %1 = "t.x"(%0) {a = dense<1.5> : tensor<3xf32>, b} : (tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}
{-#
  dialect_resources: {
    builtin: {
      "w 0": "0x0400000001020304",
      unused: "0x0400000001020304"
    }
  }
#-}
"""


def printed(ctx, module, **options):
    stream = io.StringIO()
    write(ctx, module, stream, **options)
    return stream.getvalue()


def text_of(printer, attribute):
    stream = io.StringIO()
    printer(stream).print_attribute(attribute)
    return stream.getvalue()


def values(dtype, size, kind):
    match kind:
        case "random":
            raw = np.random.default_rng(size).bytes(size * np.dtype(dtype).itemsize)
            return np.nan_to_num(np.frombuffer(raw, dtype))
        case "splat":
            return np.full(size, 7, dtype)
        case _:
            return np.arange(size).astype(dtype)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("size", [0, 1, 2, 99, 100, 101, 1000])
@pytest.mark.parametrize("kind", ["random", "splat", "range"])
def test_a_constant_prints_as_xdsl_prints_it(dtype, size, kind):
    attribute = dense(values(dtype, size, kind))
    assert text_of(ModulePrinter, attribute) == text_of(Printer, attribute)


@pytest.mark.parametrize("size", [2, 100, 101])
@pytest.mark.parametrize("value", [-0.0, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("all_same", [True, False])
def test_no_float_is_lost(size, value, dtype, all_same):
    array = np.full(size, value if all_same else 0, dtype)
    array[-1] = value
    text = f'"t.x"() {{a = {text_of(ModulePrinter, dense(array))}}} : () -> ()'
    (op,) = parse(make_context(allow_unregistered=True), text).ops
    assert elements(op.attributes["a"]).tobytes() == array.tobytes()


@pytest.mark.parametrize("generic", [True, False])
@pytest.mark.parametrize("debuginfo", [True, False])
def test_what_is_printed_reads_back_as_the_same(generic, debuginfo):
    ctx = make_context(allow_unregistered=True)
    text = printed(ctx, parse(ctx, MODULE, "m"), generic=generic, debuginfo=debuginfo)
    for again in (ctx, make_context(allow_unregistered=True)):
        module = parse(again, text, "m")
        assert printed(again, module, generic=generic, debuginfo=debuginfo) == text


def test_resources_are_printed_that_the_module_uses():
    ctx = make_context(allow_unregistered=True)
    text = printed(ctx, parse(ctx, MODULE))
    assert text.endswith(
        "\n{-#\n  dialect_resources: {\n    builtin: {\n"
        '      "w 0": "0x0400000001020304"\n'
        "    }\n  }\n#-}\n"
    )


def test_a_resource_of_another_context_is_not_dropped_silently():
    module = parse(make_context(allow_unregistered=True), MODULE)
    with pytest.raises(SimaError, match="resource 'w 0' is not in this context"):
        printed(make_context(), module)


@pytest.mark.skipif(MLIR_OPT is None, reason="mlir-opt is not installed")
@pytest.mark.parametrize("debuginfo", [True, False])
def test_mlir_opt_reads_the_generic_form_and_its_resources(debuginfo):
    ctx = make_context(allow_unregistered=True)
    module = parse(ctx, MODULE)
    process = subprocess.run(
        [Path(MLIR_OPT), "--allow-unregistered-dialect", "--mlir-print-op-generic"],
        input=printed(ctx, module, generic=True, debuginfo=debuginfo),
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr == ""
    back = parse(ctx, process.stdout)
    assert module.is_structurally_equivalent(back)
    assert printed(ctx, back) == printed(ctx, module)
