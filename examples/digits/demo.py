"""Lowers the digits classifier to SiMa IR, from TFLite and from ONNX, runs both and compares."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

import sima_mlir

HERE = Path(__file__).parent
SHOWN_LINES, SHOWN_COLUMNS = 6, 110

RECORDED_ACCURACY = 445 / 450
"""That of `digits_qdq.onnx` in ONNX Runtime 1.32."""


def main() -> None:
    """Prints the first lines of the SiMa IR, all accuracies and how often programs agree."""
    with np.load(HERE / "digits_test.npz") as test:
        codes, labels = test["in0"], test["labels"]
    ctx = sima_mlir.make_context()
    programs = read_and_lower(ctx, "digits_int8.tflite")
    show(ctx, programs["sima"])
    compare(ctx, "digits_int8.tflite", programs, codes, labels)
    pixels = (codes.astype(np.float32) + 128) / 255
    images = pixels.transpose(0, 3, 1, 2)
    compare(ctx, "digits_qdq.onnx", read_and_lower(ctx, "digits_qdq.onnx"), images, labels)
    print(f"accuracy of ONNX Runtime: {onnx_runtime_accuracy(images, labels)}")


def read_and_lower(ctx: Context, file: str) -> dict[str, ModuleOp]:
    """Returns the programs of a model before and after its lowering, by their dialects."""
    source = sima_mlir.load(ctx, HERE / file)
    lowered = source.clone()
    sima_mlir.run_pipeline(ctx, lowered, "convert-qnn-to-sima")
    return {"qnn": source, "sima": lowered}


def show(ctx: Context, module: ModuleOp) -> None:
    """Prints the first lines of a module."""
    text = io.StringIO()
    sima_mlir.write(ctx, module, text)
    for line in text.getvalue().splitlines()[:SHOWN_LINES]:
        print(line if len(line) <= SHOWN_COLUMNS else line[:SHOWN_COLUMNS] + " …")


def compare(
    ctx: Context,
    file: str,
    programs: dict[str, ModuleOp],
    images: npt.NDArray[np.generic],
    labels: npt.NDArray[np.int64],
) -> None:
    """Prints how often the programs of a model are right, and how often they agree."""
    print(f"{file}:")
    classes: dict[str, npt.NDArray[np.int64]] = {}
    for dialect, program in programs.items():
        scores = [sima_mlir.interpret(ctx, program, [image[None]])[0] for image in images]
        classes[dialect] = np.concatenate(scores).argmax(axis=-1)
        print(f"accuracy of the {dialect} program: {(classes[dialect] == labels).mean():.2%}")
    print(f"agreement of the two: {(classes['qnn'] == classes['sima']).mean():.2%}")


def onnx_runtime_accuracy(images: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> str:
    """Returns how often ONNX Runtime is right, or was when the example was made."""
    try:
        import onnxruntime
    except ImportError:
        return f"{RECORDED_ACCURACY:.2%} (recorded, it is not installed)"
    session = onnxruntime.InferenceSession(
        HERE / "digits_qdq.onnx", providers=["CPUExecutionProvider"]
    )
    scores = [session.run(None, {"image": image[None]})[0] for image in images]
    return f"{(np.concatenate(scores).argmax(axis=-1) == labels).mean():.2%}"


if __name__ == "__main__":
    main()
