"""How lit runs the tests below this folder: `lit filecheck`.

`filecheck` (or `FileCheck`) is LLVM's where that is installed, else that of the Python package.
`SIMA_ROUNDTRIP` prints the test in the generic form, parses that, and checks what is then printed.
`not` is lit's own.
"""

import os
import shutil
import sys
from pathlib import Path

import lit.formats

config = globals()["config"]  # lit puts it there

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


def find_filecheck() -> str:
    """Returns LLVM's FileCheck: that on the path, or the newest of Debian's; or the package's."""
    installed = Path("/usr/lib").glob("llvm-*/bin/FileCheck")
    newest = max(installed, key=lambda path: int(path.parts[3].partition("-")[2]), default=None)
    return shutil.which("FileCheck") or str(newest or BIN / "filecheck")


config.name = "sima-mlir"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = str(HERE)
config.test_exec_root = str(HERE / "Output")
config.environment["PATH"] = os.pathsep.join([str(BIN), config.environment["PATH"]])
config.substitutions += [
    (r"\bSIMA_ROUNDTRIP\b", "sima-opt --mlir-print-op-generic %s | sima-opt | filecheck %s"),
    (r"(?<![\w/.-])[Ff]ile[Cc]heck(?![\w/.-])", find_filecheck()),
]
