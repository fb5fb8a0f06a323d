"""Lowers the digits classifier to SiMa IR, runs it before and after, and compares."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

import sima_mlir

HERE = Path(__file__).parent
SHOWN_LINES, SHOWN_COLUMNS = 6, 110


def main() -> None:
    """Prints the first lines of the SiMa IR, both accuracies and how often they agree."""
    ctx = sima_mlir.make_context()
    source = sima_mlir.load(ctx, HERE / "digits_int8.tflite")
    lowered = source.clone()
    sima_mlir.run_pipeline(ctx, lowered, "convert-qnn-to-sima")

    text = io.StringIO()
    sima_mlir.write(ctx, lowered, text)
    for line in text.getvalue().splitlines()[:SHOWN_LINES]:
        print(line if len(line) <= SHOWN_COLUMNS else line[:SHOWN_COLUMNS] + " …")

    test = np.load(HERE / "digits_test.npz")
    images, labels = test["in0"], test["labels"]
    classes = {}
    for dialect, module in (("qnn", source), ("sima", lowered)):
        scores = [sima_mlir.interpret(ctx, module, [image[None]])[0] for image in images]
        classes[dialect] = np.concatenate(scores).argmax(axis=-1)
        print(f"accuracy of the {dialect} program: {(classes[dialect] == labels).mean():.2%}")
    print(f"agreement of the two: {(classes['qnn'] == classes['sima']).mean():.2%}")


if __name__ == "__main__":
    main()
