"""How far a long work is, for people: a bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def shown_progress() -> Generator[Callable[[int, int], None] | None, None, None]:
    """Gives a function that shows how many pieces of a work are done, and how many there are.

    There is none where stderr is not a terminal, or rich is not installed.
    """
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        yield None
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, auto_refresh=False, redirect_stdout=False
    ) as bar:
        task = bar.add_task("runs", total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count, refresh=True)
