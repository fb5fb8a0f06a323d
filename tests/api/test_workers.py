"""Work in several processes: the same results, in order, and nothing is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from sima_mlir import SimaError
from sima_mlir.workers import CAN_FORK, in_order

forks = pytest.mark.skipif(not CAN_FORK, reason="this system can't fork safely")


def no_process_is_left() -> bool:
    return not multiprocessing.active_children()


@pytest.mark.parametrize("jobs", [1, 2, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_are_in_order(jobs: int, count: int):
    assert list(in_order(lambda n: n * n, count, jobs)) == [n * n for n in range(count)]
    assert no_process_is_left()


@forks
def test_the_work_is_shared_by_processes():
    pids = list(in_order(lambda _: os.getpid(), 6, 3))
    assert len(set(pids)) == 3
    assert os.getpid() not in pids
    assert pids[:3] == pids[3:]


def test_one_job_is_done_here():
    assert list(in_order(lambda _: os.getpid(), 2, 1)) == [os.getpid()] * 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_raised_when_its_turn_comes(jobs: int):
    def work(number: int) -> int:
        if number >= 3:
            raise SimaError.of(f"number {number}")
        return number

    results = in_order(work, 6, jobs)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SimaError, match=r"^error: number 3$"):
        next(results)
    assert no_process_is_left()


@forks
@pytest.mark.parametrize(("end", "code"), [(lambda: os._exit(7), 7), (lambda: kill(), -9)])
def test_a_process_that_ends_too_soon_is_an_error(end, code):
    with pytest.raises(SimaError) as error:
        list(in_order(lambda n: n if n != 1 else end(), 4, 2))
    assert str(error.value) == (
        f"error: a process ended with exit code {code} before its work was done"
    )
    assert no_process_is_left()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@forks
def test_no_more_results_exist_than_there_are_jobs():
    started = multiprocessing.get_context("fork").Value("i", 0)

    def work(number: int) -> np.ndarray:
        with started.get_lock():
            started.value += 1
        return np.full(10**6, number)  # more than fits in a pipe

    results = in_order(work, 20, 2)
    assert next(results)[0] == 0
    time.sleep(0.3)
    assert started.value <= 1 + 2
    results.close()
    assert no_process_is_left()


@forks
def test_processes_end_when_nobody_wants_more():
    results = in_order(lambda n: time.sleep(60 * (n > 1)) or n, 4, 2)
    assert next(results) == 0
    results.close()
    assert no_process_is_left()


def test_there_must_be_a_job():
    with pytest.raises(ValueError, match=r"^jobs must be at least 1, got 0$"):
        next(in_order(lambda n: n, 4, 0))
