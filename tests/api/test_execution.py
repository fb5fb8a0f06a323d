"""Running a module on arrays, and what is wrong with the arrays."""

import multiprocessing
import weakref

import numpy as np
import pytest

from sima_mlir import SimaError, interpret, interpret_batches, make_context, parse

# out = clamp(x . [[1, 2], [3, 4]]), by hand
DENSE = """\
func.func @main(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
  %0 = sima.dense %x shift = 0 bias = dense<0> : tensor<2xi32>
    weight = dense<[[1, 2], [3, 4]]> : tensor<2x2xi8> : (tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %0 : tensor<1x2xi8>
}
func.func @two(%x: tensor<2x1xi32>, %y: tensor<2x1xi32>) -> tensor<2x1xi32> {
  %0 = arith.addi %x, %y : tensor<2x1xi32>
  func.return %0 : tensor<2x1xi32>
}
func.func private @declared(tensor<1xi8>)
func.func @scalar(%x: i32) { func.return }
func.func @dynamic(%x: tensor<?xi8>) { func.return }
func.func @other(%x: tensor<1xi7>) { func.return }
func.func @unknown(%x: tensor<1xi8>) -> tensor<1xi8> {
  %0 = math.absi %x : tensor<1xi8>
  func.return %0 : tensor<1xi8>
}
func.func @elided() -> tensor<1xi8> {
  %0 = arith.constant dense_resource<gone> : tensor<1xi8>
  func.return %0 : tensor<1xi8>
}
"""


@pytest.fixture
def program():
    ctx = make_context()
    return ctx, parse(ctx, DENSE, "x.mlir")


def refusal(call, *arguments, **options):
    with pytest.raises(SimaError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def int8(*values):
    return np.array(values, np.int8)


def test_a_function_is_computed(program):
    (result,) = interpret(*program, [int8([5, -6])])
    np.testing.assert_array_equal(result, int8([-7, -9]), strict=True)


def test_batches_are_computed_one_after_another(program):
    (result,) = interpret_batches(*program, [int8([5, -6], [1, 0], [100, 100])])
    np.testing.assert_array_equal(result, int8([-7, -9], [1, 3], [127, 127]), strict=True)


def test_a_batch_is_as_large_as_the_argument(program):
    x, y = np.arange(6, dtype=np.int32).reshape(6, 1), np.full((6, 1), 10, np.int32)
    seen = []
    (result,) = interpret_batches(
        *program, [x, y], "two", lambda op, results: seen.append((op.name, results))
    )
    np.testing.assert_array_equal(result, x + 10, strict=True)
    assert [r[0].shape for name, r in seen if name == "arith.addi"] == [(2, 1)] * 3


def test_an_observer_sees_every_operation_and_its_results(program):
    seen = []
    (result,) = interpret(
        *program, [int8([5, -6])], observe=lambda op, results: seen.append((op.name, results))
    )
    assert [name for name, _ in seen] == ["sima.dense", "func.return"]
    assert seen[0][1][0] is result


@pytest.mark.parametrize("jobs", [1, 2, 3, 9])
def test_jobs_share_the_batches_and_give_the_same(program, jobs):
    x = np.arange(14, dtype=np.int32).reshape(14, 1)
    seen, done = [], []
    (result,) = interpret_batches(
        *program,
        [x, x * 100],
        "two",
        lambda op, results: seen.append((op, [r.tolist() for r in results])),
        jobs=jobs,
        progress=lambda *numbers: done.append(numbers),
    )
    np.testing.assert_array_equal(result, x * 101, strict=True)
    assert done == [(n, 7) for n in range(1, 8)]
    _, module = program
    add, end = [op for op in module.walk() if op.parent_op() and op.parent_op().parent_op()][2:4]
    batches = (x * 101).reshape(7, 2, 1).tolist()
    assert seen == [pair for batch in batches for pair in ((add, [batch]), (end, []))]


def test_what_nobody_will_read_is_forgotten():
    ctx = make_context()
    lines = [f"%{n + 1} = arith.addi %{n}, %x : tensor<1xi32>" for n in range(9)]
    text = "\n".join(["%0 = arith.addi %x, %x : tensor<1xi32>", *lines])
    module = parse(
        ctx,
        f"func.func @main(%x: tensor<1xi32>) -> (tensor<1xi32>, tensor<1xi32>) {{ {text} "
        "func.return %9, %2 : tensor<1xi32>, tensor<1xi32> }",
    )
    alive: list[weakref.ref] = []
    counts = []

    def observe(op, results):
        alive.extend(map(weakref.ref, results))
        counts.append(sum(array() is not None for array in alive))

    results = interpret(ctx, module, [np.ones(1, np.int32)], observe=observe)
    assert [array.tolist() for array in results] == [[11], [4]]
    # what was computed, its operand, the operand's operand, and the output %2
    assert max(counts) <= 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_those_of_each_run_alone(program, jobs):
    x = np.random.default_rng(0).integers(-128, 128, (11, 2), np.int8)
    (result,) = interpret_batches(*program, [x], jobs=jobs)
    alone = [interpret(*program, [row[None]])[0] for row in x]
    np.testing.assert_array_equal(result, np.concatenate(alone), strict=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_observer_may_stop_the_runs(program, jobs):
    def refuse(op, results):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interpret_batches(*program, [int8([5, -6]).repeat(9, axis=0)], observe=refuse, jobs=jobs)
    assert not multiprocessing.active_children()


def test_there_must_be_a_job(program):
    with pytest.raises(ValueError, match=r"^jobs must be at least 1, got 0$"):
        interpret_batches(*program, [int8([5, -6])], jobs=0)


@pytest.mark.parametrize("call", [interpret, interpret_batches])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "error: function 'main' must have 1 inputs, got 0"),
        ([int8([1, 2])] * 2, "error: function 'main' must have 1 inputs, got 2"),
        ([int8([1, 2]).astype(np.float32)], "error: input 0 must be int8, got float32"),
        ([int8([1, 2]).astype(np.uint8)], "error: input 0 must be int8, got uint8"),
        ([int8([1, 2, 3])], "error: input 0 must have shape 1x2"),
        ([int8(1, 2)], "error: input 0 must have shape 1x2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(program, call, inputs, message):
    assert refusal(call, *program, inputs).startswith(message)


def test_a_wrong_shape_is_shown_beside_the_right_one(program):
    message = refusal(interpret, *program, [int8([1, 2], [3, 4])])
    assert message == "error: input 0 must have shape 1x2, got 2x2"


@pytest.mark.parametrize("samples", [0, 3])
def test_a_part_of_a_batch_is_refused(program, samples):
    array = np.zeros((samples, 1), np.int32)
    assert refusal(interpret_batches, *program, [array, array], "two") == (
        "error: input 0 must have shape 2x1, or a multiple of it along the first axis, "
        f"got {samples}x1"
    )


def test_inputs_of_different_length_are_refused(program):
    inputs = [np.zeros((4, 1), np.int32), np.zeros((2, 1), np.int32)]
    assert refusal(interpret_batches, *program, inputs, "two") == (
        "error: input 1 must hold 2 times 2x1 as input 0 does, got 2x1"
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("none", "x.mlir: error: module must have a function 'none', its functions are 'main', "),
        ("declared", "x.mlir:10:1: error: 'func.func' op 'declared' must have a body"),
        (
            "scalar",
            "x.mlir:11:1: error: 'func.func' op argument 0 must be a tensor of static shape, "
            "got i32",
        ),
        (
            "dynamic",
            "x.mlir:12:1: error: 'func.func' op argument 0 must be a tensor of static shape, "
            "got tensor<?xi8>",
        ),
        (
            "other",
            "x.mlir:13:1: error: 'func.func' op argument 0: element type i7 is not supported",
        ),
    ],
)
def test_a_function_that_cannot_be_called_is_refused(program, function, message):
    assert refusal(interpret, *program, [], function).startswith(message)


def test_a_module_without_functions_says_so():
    ctx = make_context()
    message = refusal(interpret, ctx, parse(ctx, "", "x.mlir"), [])
    assert message == "x.mlir: error: module must have a function 'main', its functions are none"


def test_an_operation_that_cannot_be_computed_is_named_with_its_place(program):
    message = refusal(interpret, *program, [int8(1)], "unknown")
    assert message.startswith("x.mlir:15:8: error: 'math.absi' op ")


def test_a_resource_without_data_is_refused_where_it_is_needed(program):
    assert refusal(interpret, *program, [], "elided") == (
        "x.mlir:19:8: error: 'arith.constant' op resource 'gone' is not defined"
    )


def test_a_function_that_calls_itself_for_ever_is_an_error():
    ctx = make_context()
    text = """func.func @main(%x: tensor<1xi8>) -> tensor<1xi8> {
      %0 = func.call @main(%x) : (tensor<1xi8>) -> tensor<1xi8>
      func.return %0 : tensor<1xi8>
    }"""
    with pytest.raises(SimaError) as error:
        interpret(ctx, parse(ctx, text, "x.mlir"), [np.zeros(1, np.int8)])
    assert str(error.value) == "x.mlir:2:12: error: 'func.call' op calls go too deep"
