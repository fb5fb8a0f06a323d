"""A transposed convolution by its definition: for each result, the taps that fall on a code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(
    data: np.ndarray,
    weight: np.ndarray,
    strides: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
) -> np.ndarray:
    """Sum the products for (N, *in, G*I) and (*kernel, I, G, O), in the type of the operands."""
    *kernel, inputs, groups, outputs = weight.shape
    batch, *spatial, _ = data.shape
    rank = len(kernel)
    out = [
        (n - 1) * s + k - padding[i] - padding[rank + i] + output_padding[i]
        for i, (n, s, k) in enumerate(zip(spatial, strides, kernel, strict=True))
    ]
    codes = data.reshape(batch, *spatial, groups, inputs)
    result = np.zeros((batch, *out, groups, outputs), np.result_type(data, weight))
    for place in np.ndindex(*out):
        for tap in np.ndindex(*kernel):
            steps = [y + b - k for y, b, k in zip(place, padding, tap, strict=False)]
            if any(n % s for n, s in zip(steps, strides, strict=True)):
                continue
            read = [n // s for n, s in zip(steps, strides, strict=True)]
            if all(0 <= x < n for x, n in zip(read, spatial, strict=True)):
                product = np.einsum("bgi,igo->bgo", codes[:, *read], weight[tap])
                result[:, *place] += product
    return result.reshape(batch, *out, groups * outputs)
