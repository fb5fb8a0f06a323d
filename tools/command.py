"""What the command lines have in common: exit codes, messages, and files that are whole."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO, Literal

from sima_mlir import __version__

if TYPE_CHECKING:
    from sima_mlir.diagnostics import Diagnostic

DONE, REFUSED, WRONG_USAGE = 0, 1, 2
"""Exit codes: the work is done, the input was refused, the command line makes no sense."""

_INTERRUPTED = 130
"""As a shell reports a program that Ctrl-C ended."""

_MOST_ERRORS = 100


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every tool has."""
    parser.add_argument("--version", action="version", version=f"{parser.prog} {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show where in the program an error was raised"
    )


def guard(work: Callable[[], int], *, debug: bool) -> int:
    """Does a tool's work and returns its exit code; says on stderr what went wrong.

    A reader of stdout that wants no more (`| head`) is not an error.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # print would write to stdout instead
    from sima_mlir.diagnostics import SimaError, tidy

    try:
        return work()
    except BrokenPipeError:
        _discard_stdout()
        return DONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SimaError as error:
        report(*error.diagnostics)
        _trace(debug)
    except Exception as error:
        notes = "".join(f" ({n})" for n in getattr(error, "__notes__", ()) if "\n" not in n)
        message = f"{type(error).__name__}: {tidy(str(error))}{notes}"
        print(f"internal error: {message}; --debug shows where", file=sys.stderr)
        _trace(debug)
    return REFUSED


def report(*diagnostics: Diagnostic) -> None:
    """Prints diagnostics on stderr, a line each; of very many errors only the first ones."""
    errors = 0
    for diagnostic in diagnostics:
        errors += diagnostic.severity == "error"
        if diagnostic.severity != "error" or errors <= _MOST_ERRORS:
            print(diagnostic, file=sys.stderr)
    if (more := errors - _MOST_ERRORS) > 0:
        print(f"note: there are {more} more", file=sys.stderr)


@contextmanager
def open_text(path: str | None) -> Generator[IO[str], None, None]:
    """Opens a text output: a file as `open_whole` does, or stdout for `-` and `None`.

    Raises `SimaError` when it cannot be written.
    """
    if path is not None and path != "-":
        with open_whole(path) as file, _text(file) as text:
            yield text
        return
    with _explained("<stdout>"), _text(standard_stream("stdout")) as text:
        yield text


def standard_stream(name: Literal["stdin", "stdout"]) -> BinaryIO:
    """Returns a standard stream for bytes.

    Raises `SimaError` when the process was started without it.
    """
    stream = getattr(sys, name)
    if stream is None:
        from sima_mlir.diagnostics import SimaError

        raise SimaError.of(f"'<{name}>' is closed")
    return stream.buffer


@contextmanager
def open_whole(path: str) -> Generator[BinaryIO, None, None]:
    """Opens a file for writing that takes its name only when everything is written.

    Raises `SimaError` when it cannot be written; what was there before is then untouched.
    """
    with _explained(path):
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:  # a device or a pipe must not be replaced
                yield file
            return
        target = os.path.realpath(path)
        part = f"{target}.{os.getpid()}.part"
        try:
            with open(part, "xb") as file:
                yield file
            if os.path.exists(target):
                os.chmod(part, os.stat(target).st_mode)
            os.replace(part, target)
        except BaseException:
            _remove(part)
            raise


@contextmanager
def _text(file: BinaryIO) -> Generator[IO[str], None, None]:
    """Wraps a binary file, which stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
    try:
        yield text
        text.flush()
    finally:
        _detach(text)


def _detach(text: io.TextIOWrapper) -> None:
    try:
        text.detach()
    except (OSError, ValueError):
        pass  # what could not be flushed was reported already


@contextmanager
def _explained(path: str) -> Generator[None, None, None]:
    """Turns the operating system's refusal to write into a `SimaError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        from sima_mlir.diagnostics import SimaError
        from sima_mlir.loading import reason_of

        raise SimaError.of(f"cannot write '{path}': {reason_of(error)}") from error


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass


def _discard_stdout() -> None:
    """Keeps Python from flushing to a closed pipe when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _trace(debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
