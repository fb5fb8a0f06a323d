"""What `import sima_mlir` gives: lazily, under one version, without shared state."""

import io
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import Builtin

import sima_mlir
from sima_mlir.universe import SIMA_UNIVERSE

ROOT = Path(__file__).parents[2]


def python(code):
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stderr == ""
    return process.stdout.strip()


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sima_mlir.__version__ == project["version"]


@pytest.mark.parametrize("name", sima_mlir.__all__)
def test_every_public_name_is_there(name):
    assert getattr(sima_mlir, name) is not None
    assert name in dir(sima_mlir)


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="module 'sima_mlir' has no attribute 'nothing'"):
        _ = sima_mlir.nothing


@pytest.mark.parametrize(
    "module", ["sima_mlir", "sima_mlir.tools.sima_opt", "sima_mlir.tools.sima_run"]
)
def test_importing_costs_neither_xdsl_nor_numpy(module):
    code = f"import sys, {module}; print({{'xdsl', 'numpy', 'rich'}} & set(sys.modules))"
    assert python(code) == "set()"


def test_the_universe_is_lazy_and_complete():
    code = (
        "import sys; from sima_mlir.universe import SIMA_UNIVERSE;"
        "print([m for m in sys.modules if m.startswith(('sima_mlir.dialects', 'numpy'))])"
    )
    assert python(code) == "[]"
    assert {n: d().name for n, d in SIMA_UNIVERSE.all_dialects.items()} == {
        "qnn": "qnn",
        "sima": "sima",
    }
    for name, factory in SIMA_UNIVERSE.all_passes.items():
        assert factory().name == name


def test_pipelines_load_no_dialect_before_they_are_parsed():
    code = (
        "import sys, sima_mlir.pipeline;"
        "print([m for m in sys.modules if m.startswith('sima_mlir.dialects.')])"
    )
    assert python(code) == "[]"


def test_plain_xdsl_opt_knows_the_dialects_and_passes():
    text = (
        "func.func @f(%x: tensor<1x4xi8>) -> tensor<4xi8> {\n"
        "  %0 = qnn.reshape %x : (tensor<1x4xi8>) -> tensor<4xi8>\n"
        "  func.return %0 : tensor<4xi8>\n}"
    )
    process = subprocess.run(
        [Path(sys.executable).parent / "xdsl-opt", "-p", "convert-qnn-to-sima"],
        input=text,
        capture_output=True,
        text=True,
    )
    assert process.stderr == ""
    assert "sima.reshape" in process.stdout


def test_resources_do_not_live_in_the_process():
    ctx = sima_mlir.make_context()
    text = (
        '"builtin.module"() ({}) {a = dense_resource<here> : tensor<1xi8>} : () -> ()\n'
        '{-#\n dialect_resources: { builtin: { here: "0x0400000001" } }\n#-}'
    )
    sima_mlir.parse(ctx, text)
    assert Builtin.get_interface(OpAsmDialectInterface).lookup("here") is None
    other = sima_mlir.make_context().get_dialect("builtin")
    assert other.get_interface(OpAsmDialectInterface).lookup("here") is None


def test_threads_with_a_context_each_do_not_see_one_another():
    def work(number):
        ctx = sima_mlir.make_context()
        text = (
            "func.func @main(%x: tensor<1x1xi8>) -> tensor<1x1xi32> {\n"
            "  %w = arith.constant dense_resource<w> : tensor<1x1xi8>\n"
            "  %0 = qnn.dense %x, %w : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi32>\n"
            "  func.return %0 : tensor<1x1xi32>\n}\n"
            f'{{-#\n dialect_resources: {{ builtin: {{ w: "0x04000000{number:02x}" }} }}\n#-}}'
        )
        import numpy as np

        for _ in range(5):
            module = sima_mlir.parse(ctx, text)
            sima_mlir.run_pipeline(ctx, module, "canonicalize")
            stream = io.StringIO()
            sima_mlir.write(ctx, module, stream)
            text = stream.getvalue()
        (result,) = sima_mlir.interpret(ctx, module, [np.ones((1, 1), np.int8)])
        return result.item()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(32))) == list(range(32))
