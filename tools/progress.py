"""How far a long work is, for people: a bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]


@contextmanager
def shown_progress(what: str) -> Generator[Progress | None, None, None]:
    """Gives a function that shows how many pieces of a work are done, and how many there are.

    There is none where stderr is not a terminal. Nothing is shown before it is called, nor where
    rich is not installed.
    """
    if not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as stack:
        shown = cache(lambda: _bar(stack, what))
        yield lambda done, count: shown()(done, count)


def _bar(stack: ExitStack, what: str) -> Progress:
    try:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        return lambda done, count: None
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = stack.enter_context(
        Progress(
            *columns, console=console, transient=True, auto_refresh=False, redirect_stdout=False
        )
    )
    task = bar.add_task(what, total=None)
    return lambda done, count: bar.update(task, completed=done, total=count, refresh=True)
