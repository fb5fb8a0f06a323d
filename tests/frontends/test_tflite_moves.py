"""The importer of operators that move or select codes, judged by LiteRT's reference kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run
from xdsl.context import Context
from xdsl.interpreter import Interpreter

from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.interpreters import register_implementations


def codes(shape: Sequence[int], dtype: str, seed: int = 0) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape, dtype)


def assert_like_litert(model: bytes, inputs: Sequence[np.ndarray]) -> None:
    module = import_tflite(model)
    module.verify()
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    results, expected = interpreter.call_op("main", tuple(inputs)), run(model, inputs)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted, strict=True)


def check(
    code: str,
    x_shapes: Sequence[Sequence[int]],
    y_shapes: Sequence[Sequence[int]],
    constants: Sequence[Any] = (),
    options: dict[str, Any] | None = None,
    *,
    dtypes: Sequence[str] = ("int8", "uint8"),
    **keywords: Any,
) -> None:
    for dtype in dtypes:
        model = tb.move(code, x_shapes, y_shapes, constants, options, dtype=dtype, **keywords)
        inputs = [codes(shape, dtype, seed) for seed, shape in enumerate(x_shapes)]
        assert_like_litert(model, inputs)


@requires_litert
@pytest.mark.parametrize("axes", [(0, 3, 1, 2), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 3, 2)])
def test_transpose(axes: tuple[int, ...]):
    shape = (2, 3, 4, 5)
    check("TRANSPOSE", [shape], [[shape[axis] for axis in axes]], [axes])


@requires_litert
@pytest.mark.parametrize(
    ("begin", "size"), [((0, 1, 2), (2, 2, 3)), ((1, 0, 4), (-1, 3, -1)), ((0, 0, 0), (2, 3, 5))]
)
def test_slice(begin: tuple[int, ...], size: tuple[int, ...]):
    shape = (2, 3, 5)
    y_shape = [w - b if s < 0 else s for w, b, s in zip(shape, begin, size, strict=True)]
    check("SLICE", [shape], [y_shape], [begin, size])


@requires_litert
@pytest.mark.parametrize("seed", range(30))
def test_strided_slice(seed: int):
    rng = np.random.default_rng(seed)
    shape = (3, 5, 6)
    begin, end = (rng.integers(-9, 9, 3).tolist() for _ in range(2))
    strides = rng.choice([1, 2, 3, -1, -2], 3).tolist()
    masks = {"begin_mask": int(rng.integers(8)), "end_mask": int(rng.integers(8))}
    taken = [
        range(size)[
            slice(
                None if masks["begin_mask"] >> i & 1 else begin[i],
                None if masks["end_mask"] >> i & 1 else end[i],
                strides[i],
            )
        ]
        for i, size in enumerate(shape)
    ]
    if min(map(len, taken)) == 0:
        begin, end, strides, masks = [0, 1, 5], [3, 5, 0], [2, 1, -2], {}
        taken = [range(0, 3, 2), range(1, 5), range(5, 0, -2)]
    check("STRIDED_SLICE", [shape], [[len(t) for t in taken]], [begin, end, strides], masks)


@requires_litert
@pytest.mark.parametrize(("index", "axis"), [(0, 0), (-1, 1), (2, 2), (-3, 0)])
def test_strided_slice_of_one_element_has_an_axis_less(index: int, axis: int):
    shape = [3, 5, 6]
    begin = [index if i == axis else 0 for i in range(3)]
    end = [index + 1 if i == axis else size for i, size in enumerate(shape)]
    kept = [size for i, size in enumerate(shape) if i != axis]
    options = {"shrink_axis_mask": 1 << axis}
    check("STRIDED_SLICE", [shape], [kept], [begin, end, [1, 1, 1]], options)


@requires_litert
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenation_of_one_encoding(axis: int):
    x_shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    y_shape = [size * 3 if i == axis % 3 else size for i, size in enumerate(x_shapes[0])]
    check("CONCATENATION", x_shapes, [y_shape], (), {"axis": axis})


@requires_litert
def test_concatenation_of_several_encodings():
    x, refused = np.arange(256, dtype=np.uint8).reshape(1, 256), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scales = np.exp(rng.uniform(-3, 0, 3)) if seed % 3 else 2.0 ** rng.integers(-4, 0, 3)
        encodings = [(float(scale), int(rng.integers(256))) for scale in scales]
        model = tb.concatenation([x.shape] * 2, 1, x_qs=encodings[:2], y_q=encodings[2])
        try:
            assert_like_litert(model, [x, x[:, ::-1]])
        except ModelError as error:
            refused += "no rounding contract requantizes" in str(error)
    assert refused <= 1


@requires_litert
def test_concatenation_of_round_scales_rounds_ties_as_litert_does():
    """Whose quotients are halves that float32 leaves, one way or the other."""
    x, refused = np.arange(256, dtype=np.uint8).reshape(1, 256), 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        scales = rng.choice([0.5, 0.25, 0.75, 1.5, 3, 0.1, 0.05, 0.2, 1 / 255, 2 / 255, 6 / 255], 2)
        encodings = [(float(scale), int(rng.integers(256))) for scale in scales]
        model = tb.concatenation([x.shape] * 2, 1, x_qs=encodings, y_q=encodings[1])
        try:
            assert_like_litert(model, [x, x[:, ::-1]])
        except ModelError as error:
            refused += "no rounding contract requantizes" in str(error)
    assert 1 <= refused <= 3


@requires_litert
def test_split():
    for axis, count in ((2, 3), (-1, 2), (0, 2)):
        shape = [2, 4, 6]
        part = [size // count if i == axis % 3 else size for i, size in enumerate(shape)]
        options = {"num_splits": count}
        check("SPLIT", [shape], [part] * count, [axis], options, constants_first=True)


@requires_litert
@pytest.mark.parametrize("sizes", [[1, 2, 3], [2, -1], [6]])
def test_split_v(sizes: list[int]):
    parts = [[2, 6 - sum(sizes) - 1 if size < 0 else size] for size in sizes]
    check("SPLIT_V", [[2, 6]], parts, [sizes, 1], {"num_splits": len(sizes)})


@requires_litert
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unpack_and_pack(axis: int):
    shape = [2, 3, 4]
    kept = [size for i, size in enumerate(shape) if i != axis % 3]
    count = shape[axis]
    check("UNPACK", [shape], [kept] * count, (), {"num": count, "axis": axis})
    check("PACK", [kept] * count, [shape], (), {"values_count": count, "axis": axis})


@requires_litert
def test_axes_of_one_element():
    check("SQUEEZE", [[1, 3, 1, 4]], [[3, 4]], (), {"squeeze_dims": [0, 2]})
    check("SQUEEZE", [[1, 3, 1, 4]], [[1, 3, 4]], (), {"squeeze_dims": [2]})
    check("EXPAND_DIMS", [[3, 4]], [[3, 1, 4]], [1])


@requires_litert
@pytest.mark.parametrize(
    ("given", "shape"), [((1, 3), (4, 3)), ((2, 1, 3), (2, 5, 3)), ((3,), (2, 3)), ((2, 3), (2, 3))]
)
def test_broadcast_to(given: tuple[int, ...], shape: tuple[int, ...]):
    check("BROADCAST_TO", [given], [shape], [shape], version=2)


@requires_litert
@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth_and_space(block: int):
    deep, wide = [2, 2, 3, 2 * block**2], [2, 2 * block, 3 * block, 2]
    check("DEPTH_TO_SPACE", [deep], [wide], (), {"block_size": block})
    check("SPACE_TO_DEPTH", [wide], [deep], (), {"block_size": block})


@requires_litert
@pytest.mark.parametrize("block", [(2, 2), (3, 2), (1, 1)])
@pytest.mark.parametrize("margins", [((0, 0), (0, 0)), ((1, 2), (0, 2))])
def test_batch_and_space(block: tuple[int, int], margins: tuple[tuple[int, int], ...]):
    padded = [6, 4]
    inside = [size - sum(m) for size, m in zip(padded, margins, strict=True)]
    image = [2, *inside, 3]
    many = [2 * block[0] * block[1], *(s // b for s, b in zip(padded, block, strict=True)), 3]
    check("SPACE_TO_BATCH_ND", [image], [many], [block, margins])
    check("BATCH_TO_SPACE_ND", [many], [image], [block, margins])


CENTERS = pytest.mark.parametrize(
    ("corners", "centers"), [(False, False), (True, False), (False, True)]
)


def resizings() -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Sizes before and after: doubled, halved, one pixel, and random ones."""
    rng = np.random.default_rng(0)
    random = [tuple(map(tuple, rng.integers(1, 40, (2, 2)).tolist())) for _ in range(20)]
    return [((1, 1), (3, 2)), ((4, 5), (8, 10)), ((6, 6), (3, 2)), ((3, 4), (1, 1)), *random]


@requires_litert
@CENTERS
def test_resize_nearest_neighbor(corners: bool, centers: bool):
    options = {"align_corners": corners, "half_pixel_centers": centers}
    for given, wanted in resizings():
        shapes = [[2, *given, 3]], [[2, *wanted, 3]]
        check("RESIZE_NEAREST_NEIGHBOR", *shapes, [wanted], options)


@requires_litert
@CENTERS
def test_resize_bilinear(corners: bool, centers: bool):
    options = {"align_corners": corners, "half_pixel_centers": centers}
    for given, wanted in resizings():
        shapes = [[2, *given, 3]], [[2, *wanted, 3]]
        check("RESIZE_BILINEAR", *shapes, [wanted], options, dtypes=["int8"])


def test_axes_that_the_file_leaves_open_take_what_is_computed():
    tensors = [
        tb.Tensor("x", [1, 4, 4, 1], "int8", 0.5, 3),
        tb.Tensor("b", [2], "int32", data=np.array([2, 2], np.int32)),
        tb.Tensor("p", [2, 2], "int32", data=np.zeros((2, 2), np.int32)),
        tb.Tensor("m", [1, 2, 2, 1], "int8", 0.5, 3, signature=[-1, 2, 2, 1]),
        tb.Tensor("y", [1, 4, 4, 1], "int8", 0.5, 3),
    ]
    operators = [
        tb.Operator("SPACE_TO_BATCH_ND", [0, 1, 2], [3]),
        tb.Operator("BATCH_TO_SPACE_ND", [3, 1, 2], [4]),
    ]
    x = codes((1, 4, 4, 1), "int8")
    assert_like_litert(tb.build_model(tensors, operators, [0], [4]), [x])
    tensors[3].signature = None
    with pytest.raises(ModelError, match="tensor 'm' has shape 1x2x2x1, computed is 4x2x2x1"):
        import_tflite(tb.build_model(tensors, operators, [0], [4]))


X = [2, 4, 6]
STRIDES = [1, 1, 1]


@pytest.mark.parametrize(
    ("message", "code", "x_shapes", "y_shapes", "constants", "options"),
    [
        (
            "activation must be NONE, got RELU",
            "CONCATENATION",
            [X, X],
            [[4, 4, 6]],
            [],
            {"axis": 0, "fused_activation_function": "RELU"},
        ),
        ("axis must be in -3..2, got 3", "CONCATENATION", [X], [X], [], {"axis": 3}),
        ("axis must be in -4..3, got -5", "PACK", [X], [[1, *X]], [], {"axis": -5}),
        ("axis must be in -3..2, got 5", "TRANSPOSE", [X], [X], [[0, 1, 5]], {}),
        ("begin must have 3 values, got 2", "SLICE", [X], [X], [[0, 0], [1, 1]], {}),
        ("size must have 3 values, got 1", "SLICE", [X], [X], [[0, 0, 0], [1]], {}),
        (
            "axis 1 has 4 elements, the slice takes 2..4",
            "SLICE",
            [X],
            [X],
            [[0, 2, 0], [2, 3, 6]],
            {},
        ),
        (
            "option EllipsisMask must be 0, got 1",
            "STRIDED_SLICE",
            [X],
            [X],
            [[0] * 3, X, STRIDES],
            {"ellipsis_mask": 1},
        ),
        (
            "option NewAxisMask must be 0, got 2",
            "STRIDED_SLICE",
            [X],
            [X],
            [[0] * 3, X, STRIDES],
            {"new_axis_mask": 2},
        ),
        (
            "end must have 3 values, got 2",
            "STRIDED_SLICE",
            [X],
            [X],
            [[0] * 3, [1, 1], STRIDES],
            {},
        ),
        (
            "begin must have at most 3 values, got 4",
            "STRIDED_SLICE",
            [X],
            [X],
            [[0] * 4, [1] * 4, [1] * 4],
            {},
        ),
        (
            "strides must not be 0, got 0 for axis 1",
            "STRIDED_SLICE",
            [X],
            [X],
            [[0] * 3, X, [1, 0, 1]],
            {},
        ),
        (
            "index of axis 0 must be in -2..1, got 2",
            "STRIDED_SLICE",
            [X],
            [X],
            [[2, 0, 0], X, STRIDES],
            {"shrink_axis_mask": 1},
        ),
        (
            "sizes must be those of 6 elements, got [1, 2]",
            "SPLIT_V",
            [X],
            [[2, 4, 1], [2, 4, 2]],
            [[1, 2], 2],
            {},
        ),
        ("outputs must be 2, got 1", "SPLIT_V", [X], [[2, 4, 6]], [[3, 3], 2], {}),
        ("axis must have 1 values, got 2", "SPLIT_V", [X], [X], [[6], [0, 1]], {}),
        ("outputs must be 4, got 1", "UNPACK", [X], [[2, 6]], [], {"num": 4, "axis": 1}),
        (
            "data and result must differ in sizes of 1 only, got 2x4x6 and 8x6",
            "SQUEEZE",
            [X],
            [[8, 6]],
            [],
            {},
        ),
        (
            "data [2, 4, 6] must broadcast to the result, got [2, 4, 12]",
            "BROADCAST_TO",
            [X],
            [[2, 4, 12]],
            [[2, 4, 12]],
            {},
        ),
        (
            "block_size must be at least 1, got 0",
            "DEPTH_TO_SPACE",
            [[1, 2, 2, 4]],
            [[1, 2, 2, 4]],
            [],
            {},
        ),
        (
            "data must have 4 axes, got 2x4x6",
            "RESIZE_BILINEAR",
            [X],
            [X],
            [[4, 4]],
            {},
        ),
        (
            "size must be at least 1, got 0",
            "RESIZE_NEAREST_NEIGHBOR",
            [[1, 2, 2, 4]],
            [[1, 2, 2, 4]],
            [[0, 4]],
            {},
        ),
        (
            "resizing 2 to 82 in float32 takes pixel 0 for 41, exact numbers take 1",
            "RESIZE_NEAREST_NEIGHBOR",
            [[1, 2, 2, 4]],
            [[1, 82, 2, 4]],
            [[82, 2]],
            {},
        ),
        (
            "batch must be a multiple of 4, got 2",
            "BATCH_TO_SPACE_ND",
            [[2, 2, 2, 1]],
            [[1, 4, 4, 1]],
            [[2, 2], [[0, 0], [0, 0]]],
            {},
        ),
        (
            "padded size must be a multiple of 2, got 3",
            "SPACE_TO_BATCH_ND",
            [[1, 2, 2, 1]],
            [[4, 2, 2, 1]],
            [[2, 2], [[0, 1], [0, 0]]],
            {},
        ),
        (
            "block shape must be at least 1, got 0",
            "SPACE_TO_BATCH_ND",
            [[1, 2, 2, 1]],
            [[1, 2, 2, 1]],
            [[1, 0], [[0, 0], [0, 0]]],
            {},
        ),
        (
            "'c1' must have shape 2x2, got 1x2",
            "SPACE_TO_BATCH_ND",
            [[1, 2, 2, 1]],
            [[1, 2, 2, 1]],
            [[1, 1], [[0, 0]]],
            {},
        ),
        (
            "'c1' must be at least 0, got -1",
            "SPACE_TO_BATCH_ND",
            [[1, 2, 2, 1]],
            [[1, 2, 2, 1]],
            [[1, 1], [[0, -1], [0, 0]]],
            {},
        ),
    ],
)
def test_faulty_operator_is_refused(
    message: str,
    code: str,
    x_shapes: list[list[int]],
    y_shapes: list[list[int]],
    constants: list[Any],
    options: dict[str, Any],
):
    with pytest.raises(ModelError) as error:
        import_tflite(tb.move(code, x_shapes, y_shapes, constants, options))
    assert error.value.messages == (f"operator '{code}' at 'y0': {message}",)


def test_parts_of_a_split_must_be_equal():
    model = tb.move("SPLIT", [X], [[2, 4, 2]] * 4, [2], constants_first=True)
    with pytest.raises(ModelError, match="axis 2 must be a multiple of 4, got 6"):
        import_tflite(model)


def test_concatenation_of_several_encodings_is_for_uint8():
    model = tb.concatenation([X, X], 1, x_qs=[(0.5, 3), (0.25, 3)], y_q=(0.5, 3), dtype="int8")
    given = re.escape("output must have quantization #qnn.quantization<scale = 0.25")
    with pytest.raises(ModelError, match=given):
        import_tflite(model)
