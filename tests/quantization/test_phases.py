"""A transposed convolution is one ordinary layer for each place in a stride."""

from __future__ import annotations

import numpy as np
import pytest

from sima_mlir.quantization import Layer, Quantization
from sima_mlir.quantization.error_bounds import EmittedLayer, phases

OUTPUT = Quantization(1.0, 0)


def layers(*kernel: int) -> tuple[Layer, EmittedLayer]:
    weight = np.arange(np.prod(kernel) * 2).reshape(*kernel, 1, 1, 2)
    bias = np.array([100, 200])
    layer = Layer(weight, bias, 3, np.array([0.5]), np.array([0]), OUTPUT, False)
    return layer, EmittedLayer.folded(10 * weight, 7 * bias, np.array([1]))


def test_layer_without_strides_is_its_only_phase():
    layer, emitted = layers(3)
    assert list(phases(layer, emitted, ())) == [(layer, emitted, 1)]


def test_phases_have_the_taps_a_stride_apart_and_the_others_in_the_bias():
    first, second = phases(*layers(3), [2])
    assert first.layer.weight.ravel().tolist() == [0, 1, 4, 5]
    assert first.emitted.weight.ravel().tolist() == [0, 10, 40, 50]
    assert first.emitted.bias.tolist() == [700 + 3 * 20, 1400 + 3 * 30]
    assert second.layer.weight.ravel().tolist() == [2, 3]
    assert second.emitted.weight.ravel().tolist() == [20, 30]
    assert second.emitted.bias.tolist() == [700 + 3 * 40, 1400 + 3 * 60]
    assert first.layer.bias.tolist() == second.layer.bias.tolist() == [100, 200]
    assert (first.share, second.share) == (1, 1)


def test_results_that_no_tap_reaches_are_a_phase_with_its_share():
    *reached, nothing = phases(*layers(2), [5])
    assert [phase.share for phase in reached] == [1, 1]
    assert nothing.layer.weight.shape == (0, 1, 1, 2)
    assert nothing.emitted.weight.shape == (0, 1, 1, 2)
    assert nothing.emitted.bias.tolist() == [700 + 3 * 20, 1400 + 3 * 40]
    assert nothing.share == 3


def test_phases_of_two_axes_share_a_block_of_strides():
    found = list(phases(*layers(1, 3), [4, 2]))
    assert [phase.share for phase in found] == [1, 1, 3, 3]
    assert [phase.layer.weight.shape[:2] for phase in found] == [(1, 2), (1, 1), (0, 2), (0, 1)]


def test_weights_of_other_shapes_are_refused():
    layer, emitted = layers(3)
    emitted = emitted._replace(weight=emitted.weight[:2])
    message = r"emitted weight has shape \(2, 1, 1, 2\), the source's \(3, 1, 1, 2\)"
    with pytest.raises(ValueError, match=message):
        list(phases(layer, emitted, [2]))
