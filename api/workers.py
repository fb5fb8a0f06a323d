"""Numbered pieces of work in several processes, whose results come in order.

Processes and not threads, because Python's lock is held for most of a small network's run: on two
cores, two threads took twice the time of one, two processes 0.6 of it. They are forked, so that
nothing is copied or read anew. Where the system can't fork safely (Windows, macOS), the work is
done in this process.

A process computes with as many threads of the BLAS library as NumPy was loaded with; set
`OPENBLAS_NUM_THREADS=1` before, or two processes on two cores wait for each other.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeAlias, TypeVar, cast

from sima_mlir.diagnostics import SimaError

T = TypeVar("T")
Channel: TypeAlias = "Connection[tuple[bool, object], tuple[bool, object]]"

CAN_FORK = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


def in_order(work: Callable[[int], T], count: int, jobs: int) -> Generator[T, None, None]:
    """Yields `work(0)` to `work(count - 1)`, computed by up to `jobs` processes.

    Each takes every `jobs`-th piece, and goes on when its last result was taken: there are never
    more than `jobs` results that nobody has. What `work` raises is raised when its turn comes.
    The processes are ended when the generator is, also by Ctrl-C.

    Raises `ValueError` when `jobs` is below 1, and `SimaError` when a process ended too soon.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    jobs = min(jobs, count)
    if jobs <= 1 or not CAN_FORK:
        yield from map(work, range(count))
        return
    workers: list[tuple[BaseProcess, Channel]] = []
    try:
        for first in range(jobs):
            readers = [reader for _, reader in workers]
            workers.append(_start(work, range(first, count, jobs), readers))
        for number in range(count):
            yield cast("T", _receive(*workers[number % jobs]))
    finally:
        for process, reader in workers:
            reader.close()
            process.terminate()
        for process, _ in workers:
            process.join()


def _start(
    work: Callable[[int], object], numbers: range, others: list[Channel]
) -> tuple[BaseProcess, Channel]:
    context = multiprocessing.get_context("fork")
    reader, writer = cast("tuple[Channel, Channel]", context.Pipe(duplex=False))
    process = context.Process(target=_serve, args=(work, numbers, writer, [reader, *others]))
    process.daemon = True
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with warnings.catch_warnings():  # Python 3.12 warns of forks beside threads, as BLAS has
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    writer.close()
    return process, reader


def _serve(
    work: Callable[[int], object], numbers: range, writer: Channel, readers: list[Channel]
) -> None:
    """Sends what `work` returns for each number; ends when nobody reads, or at an exception.

    Ctrl-C, which was blocked before the fork, is for the process that started this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for reader in readers:
        reader.close()
    try:
        for number in numbers:
            writer.send((True, work(number)))
    except BrokenPipeError:
        pass
    except Exception as error:
        writer.send((False, error))


def _receive(process: BaseProcess, reader: Channel) -> object:
    try:
        done, result = reader.recv()
    except EOFError:
        process.join()
        message = f"a process ended with exit code {process.exitcode} before its work was done"
        raise SimaError.of(message) from None
    if not done:
        raise cast("Exception", result)
    return result
