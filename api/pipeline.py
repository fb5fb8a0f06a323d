"""Pass pipelines: text to passes, and passes over a module."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes
from xdsl.utils.arg_spec import ArgSpec, ParameterListType
from xdsl.utils.arg_spec import parse_pipeline as parse_specs
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException
from xdsl.utils.hints import isa, type_repr

from sima_mlir.diagnostics import (
    Diagnostic,
    Remark,
    Severity,
    SimaError,
    describe,
    file_location,
    on_operation,
    operation_name,
    tidy,
)
from sima_mlir.passes.bases import Pipeline
from sima_mlir.passes.diagnostics import Finding, LoweringError, RemarkContext
from sima_mlir.universe import SIMA_UNIVERSE
from sima_mlir.verifier import verify

if TYPE_CHECKING:
    from sima_mlir.instrumentation import Instrumentation

_ANCHOR = "builtin.module("

_PATH = re.compile(r"=(?![+-]?[\d.]+(?:[\s,}]|$))([\w~+-]*[./][\w./~+-]*)")
"""The value of an option that is neither a name nor a number."""


def available_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Returns what gives each pass of xDSL's and of ours, by name."""
    return get_all_passes() | SIMA_UNIVERSE.all_passes


def stands_for(pass_type: type[ModulePass]) -> list[str]:
    """Returns the names of the passes that a pipeline stands for by default; none for a pass."""
    return [p.name for p in pass_type().passes()] if issubclass(pass_type, Pipeline) else []


def parse_pipeline(text: str) -> tuple[ModulePass, ...]:
    """Returns the passes of a pipeline, `canonicalize,convert-qnn-to-sima{partial=true}`.

    It may stand in `builtin.module(…)`, as mlir-opt wants it. A pipeline with a name of its own
    gives its passes.

    Raises `SimaError` for wrong syntax, an unknown pass, or an option that a pass does not take.
    """
    passes = map(_make_pass, _parse_specs(_without_anchor(_tight(text.strip()))))
    return tuple(itertools.chain.from_iterable(map(_expanded, passes)))


def run_pipeline(
    ctx: Context,
    module: ModuleOp,
    pipeline: str | Sequence[ModulePass],
    *,
    instrumentation: Sequence[Instrumentation] = (),
    verify_each: bool = True,
) -> list[Remark]:
    """Runs passes on a module in place, verifying it before the first and after each.

    Without `verify_each` it is verified before the first and after the last only. What there is of
    `instrumentation` is told of each pass.

    Returns the remarks that the passes made: what they missed and found out, and, in a context
    made with `remarks=True`, what they did.

    Raises `SimaError` when the module is invalid or a pass refuses it; the module is then in no
    particular state. An exception that a pass lets through, which is a fault of the pass, names
    the pass in a note.
    """
    passes = parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    verify(module, ctx)
    remarks = _take_remarks(ctx, "import")
    for number, module_pass in enumerate(passes):
        is_verified = verify_each or number == len(passes) - 1
        try:
            _run_pass(ctx, module, module_pass, remarks, instrumentation, is_verified=is_verified)
        except Exception:
            for watcher in instrumentation:
                watcher.failed(ctx, module, module_pass)
            raise
    return remarks


def _without_anchor(text: str) -> str:
    if text.startswith(_ANCHOR) and text.endswith(")"):
        return text[len(_ANCHOR) : -1]
    return text


def _tight(text: str) -> str:
    """Returns a pipeline as xDSL takes it: without white space around signs, paths in quotes."""
    parts = text.split('"')
    parts[::2] = (
        _PATH.sub(r'="\1"', re.sub(r"\s*([,(){}])\s*", r"\1", part)) for part in parts[::2]
    )
    return '"'.join(parts)


def _parse_specs(text: str) -> list[ArgSpec]:
    try:
        return list(parse_specs(text))
    except ArgSpecParseError as error:
        # It has its place and its message only in its text: a title, the place, the line …
        _, place, *_, message = str(error).splitlines()
        name, line, column = place.rsplit(":", 2)
        location = file_location(name, int(line), int(column))
        raise SimaError.of(tidy(message), location) from None
    except RuntimeError:
        # xDSL's lexer, asked for more after the end.
        location = file_location("pass-pipeline", 1, len(text) + 1)
        raise SimaError.of("unexpected end of the pipeline", location) from None


def _make_pass(spec: ArgSpec) -> ModulePass:
    factory = available_passes().get(spec.name)
    if factory is None:
        raise SimaError.of(f"unknown pass '{spec.name}'{_suggestion(spec.name)}")
    pass_type = factory()
    hints = get_type_hints(pass_type)
    options = {f.name.replace("_", "-"): hints[f.name] for f in fields(pass_type)}
    for name, values in spec.parameters.items():
        _check_option(spec.name, options, name.replace("_", "-"), values)
    try:
        return pass_type.from_spec(spec)
    except ValueError as error:
        raise SimaError.of(f"pass '{spec.name}': {describe(error)}") from error


def _expanded(module_pass: ModulePass) -> Sequence[ModulePass]:
    return module_pass.passes() if isinstance(module_pass, Pipeline) else (module_pass,)


def _check_option(
    owner: str, options: Mapping[str, Any], name: str, values: ParameterListType
) -> None:
    if name not in options:
        known = ", ".join(options) or "none"
        raise SimaError.of(f"pass '{owner}' has no option '{name}', its options are {known}")
    hint = options[name]
    is_flag = hint is bool or not any(isinstance(value, bool) for value in values)
    if is_flag and (isa(values, hint) or (len(values) == 1 and isa(values[0], hint))):
        return
    if values or type(None) not in get_args(hint):
        given = ",".join(map(str, values)) or "nothing"
        choices = [str(choice) for choice in get_args(hint)]
        wanted = " or ".join(choices) if get_origin(hint) is Literal else type_repr(hint)
        message = f"option '{name}' of pass '{owner}' must be {wanted}, got {given}"
        raise SimaError.of(message)


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, available_passes(), n=1)
    return f", did you mean '{near[0]}'" if near else ""


def _run_pass(
    ctx: Context,
    module: ModuleOp,
    module_pass: ModulePass,
    remarks: list[Remark],
    instrumentation: Sequence[Instrumentation],
    *,
    is_verified: bool,
) -> None:
    for watcher in instrumentation:
        watcher.before(ctx, module, module_pass)
    _apply(ctx, module, module_pass, remarks)
    for watcher in instrumentation:
        watcher.ran(ctx, module, module_pass)
    if is_verified:
        _verify_after(ctx, module, module_pass, remarks)
        for watcher in instrumentation:
            watcher.verified(ctx, module, module_pass)
    for watcher in instrumentation:
        watcher.after(ctx, module, module_pass)


def _apply(ctx: Context, module: ModuleOp, module_pass: ModulePass, remarks: list[Remark]) -> None:
    """Runs a pass and adds its remarks; a failure carries those of all passes so far."""
    name = module_pass.name
    try:
        module_pass.apply(ctx, module)
    except LoweringError as error:
        remarks += _take_remarks(ctx, name)
        failures = [_on_finding(finding, name, "error") for finding in error.failures]
        raise SimaError([*remarks, *failures]) from error
    except DiagnosticException as error:
        remarks += _take_remarks(ctx, name)
        message = f"pass '{name}' failed: {describe(error)}"
        raise SimaError([*remarks, Diagnostic("error", None, message)]) from error
    except Exception as error:
        _take_remarks(ctx, name)
        error.add_note(f"in pass '{name}'")
        raise
    remarks += _take_remarks(ctx, name)


def _verify_after(
    ctx: Context, module: ModuleOp, module_pass: ModulePass, remarks: Sequence[Remark]
) -> None:
    try:
        verify(module, ctx)
    except SimaError as error:
        note = Diagnostic("note", None, f"the module is invalid after pass '{module_pass.name}'")
        raise SimaError([*remarks, *error.diagnostics, note]) from error


def _take_remarks(ctx: Context, pass_name: str) -> list[Remark]:
    """Returns the remarks that the context kept, and forgets them."""
    if not isinstance(ctx, RemarkContext):
        return []
    remarks = [_on_finding(finding, pass_name, "remark") for finding in ctx.remarks]
    ctx.remarks.clear()
    return remarks


def _on_finding(finding: Finding, pass_name: str, severity: Severity) -> Remark:
    op = finding.operation
    place = on_operation(op, finding.message, severity)
    return Remark(
        severity,
        place.location,
        place.message,
        str(finding.kind),
        pass_name,
        operation_name(op),
        finding.details,
    )
