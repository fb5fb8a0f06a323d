"""What the patterns of a lowering share: how operations may requantize, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, UnregisteredOp, i32
from xdsl.ir import Attribute, Operation, SSAValue

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import array_values
from sima_mlir.passes.bases import Mode
from sima_mlir.passes.diagnostics import Detail, Finding, Refusal, RemarkKind
from sima_mlir.passes.weights import WeightRounder

if TYPE_CHECKING:
    from sima_mlir.dialects.certification import Errors


class Form(NamedTuple):
    """One way of lowering an operation, with the properties of the source that it stands for."""

    operation: sima.RequantizingOperation
    source: Mapping[str, Attribute]


@dataclass
class Lowering:
    """The choice of a form for each operation, and a record of what was replaced or refused."""

    ctx: Context
    mode: Mode
    budget: int | None
    """How many codes a result may be off, where that is limited."""
    rounder: WeightRounder
    on_host: set[Operation] = field(default_factory=set[Operation])
    """Operations that are for the host, and stay as they are."""
    misses: dict[Operation, Refusal] = field(default_factory=dict[Operation, Refusal])
    replaced: dict[Operation, Operation] = field(default_factory=dict[Operation, Operation])
    """What each operation became, or became part of."""
    roots: dict[Operation, Operation] = field(default_factory=dict[Operation, Operation])
    """The operation of the source that each new one mainly stands for."""
    forms: dict[Operation, Form] = field(default_factory=dict[Operation, Form])
    """The forms that were chosen, by their operation."""
    bounds: dict[Operation, int] = field(default_factory=dict[Operation, int])
    """The errors that were proven of the operations of forms."""
    inexact: dict[Operation, int] = field(default_factory=dict[Operation, int])
    """The bounds of folds that `auto` found to be too large."""
    notes: list[Finding] = field(default_factory=list[Finding])
    """What was found out on the way."""

    def choose(
        self, op: Operation, folded: Callable[[], Form], exact: Callable[[], Form]
    ) -> sima.RequantizingOperation:
        """Returns the operation in the form that mode and budget ask for.

        `folded` raises `ValueError` where its constants do not fit; `exact` is then taken, which
        multiplies as the source's contract says.

        Raises `Refusal` when the budget does not allow what is left to choose.
        """
        form = self._folded(op, folded) or exact()
        if self.budget is not None and (bound := self._bound(form)) > self.budget:
            self._refuse_inexact(form, bound)
        self.forms[form.operation] = form
        return form.operation

    def certify(self) -> None:
        """Writes a certificate on every operation that has been given a form."""
        for op, form in self.forms.items():
            if op.parent is not None:
                bound = IntegerAttr(self._bound(form), i32)
                form.operation.certificate = sima.CertificateAttr(bound, _quoted(form))

    def record(self, root: Operation, fused: Sequence[Operation], new: Operation) -> None:
        """Records that an operation stands for a root and what was fused with it."""
        self.roots.setdefault(new, root)
        self.replaced |= dict.fromkeys((root, *fused), new)

    def form_of(self, value: SSAValue) -> Form | None:
        """Returns the form that gives a value, if this lowering chose one."""
        return self.forms.get(value.owner) if isinstance(value.owner, Operation) else None

    def absorb(self, clip: Operation, op: Operation) -> None:
        """Records that a clip has narrowed the clamp of an operation that has a form."""
        self.replaced[clip] = op
        self.bounds.pop(op, None)

    def findings(self, operations: Sequence[Operation]) -> Iterator[Finding]:
        """Yields what became of operations of the source, for those that were lowered."""
        for op in operations:
            if (new := self._result_of(op)) is None:
                continue
            if self.roots[new] is not op:
                yield Finding(RemarkKind.PASSED, op, f"fused into '{new.name}'", {"into": new.name})
                continue
            details = self._details(new)
            said = ", ".join(f"{name} = {_text(value)}" for name, value in details.items())
            message = f"lowered to '{new.name}': {said}"
            yield Finding(RemarkKind.PASSED, op, message, {"into": new.name} | details)

    def note(self, op: Operation, message: str) -> None:
        """Remarks on something that the user of an operation should know."""
        self.notes.append(Finding(RemarkKind.ANALYSIS, op, message))

    def refuse(self, op: Operation, refusal: Refusal) -> None:
        """Records why an operation is left alone, the first reason for it."""
        self.misses.setdefault(op, refusal)

    def reason(self, op: Operation) -> Refusal:
        """Returns why an operation was left alone."""
        if op in self.misses:
            return self.misses[op]
        if isinstance(op, UnregisteredOp):
            return Refusal("it is not an operation of the qnn dialect", "check its name")
        if isinstance(op, qnn.BiasAddOp) and not isinstance(op.data.owner, qnn.WeightedOperation):
            return Refusal(
                "its operand is not the result of a convolution or dense operator",
                "write a qnn.add of requantized codes",
            )
        return Refusal("its result is not requantized", "let a qnn.requantize follow")

    def _folded(self, op: Operation, folded: Callable[[], Form]) -> Form | None:
        """Returns the folded form where it is wanted, fits, and is exact enough for `auto`."""
        if self.mode == "tflite":
            return None
        try:
            form = folded()
        except ValueError as error:
            reason = f"does not fold into a shift: {error}"
            details = {"reason": str(error)}
            self.notes.append(Finding(RemarkKind.MISSED, op, reason, details))
            return None
        if self.mode != "auto" or self.budget is None:
            return form
        bound = self._bound(form)
        if bound <= self.budget:
            return form
        form.operation.erase()
        self.inexact[op] = bound
        return None

    def _refuse_inexact(self, form: Form, bound: int) -> None:
        reason = f"a result may be off by {bound}, max-error allows {self.budget}"
        is_tflite = form.operation.is_tflite
        form.operation.erase()
        if is_tflite:
            raise Refusal(reason, "take smaller biases, its sum of products may leave 32 bits")
        raise Refusal(
            reason, "take requantization=auto, which multiplies where folding is not exact enough"
        )

    def _errors(self, form: Form) -> Errors:
        from sima_mlir.dialects.certification import errors_of  # costs start-up time

        return errors_of(form.operation, _quoted(form), self.ctx)

    def _bound(self, form: Form) -> int:
        op = form.operation
        if op not in self.bounds:
            self.bounds[op] = self._errors(form).bound()
        return self.bounds[op]

    def _result_of(self, op: Operation) -> Operation | None:
        """Returns what an operation became, through what was replaced in turn."""
        new = self.replaced.get(op)
        while new is not None and new.parent is None:
            new = self.replaced.get(new)
        return new

    def _details(self, op: Operation) -> dict[str, Detail]:
        """Returns the constants of an operation, and how exact it is."""
        if (form := self.forms.get(op)) is None:
            bounds = (self._bound(part) for part in self._parts(op))
            return {"max_error": max(bounds, default=0)}
        new = form.operation
        details: dict[str, Detail] = {"requantization": str(new.requantization.data)}
        if new.rounding is not None:
            details["rounding"] = str(new.rounding.data)
        details |= self.rounder.details.get(self.roots[op], {}) if not new.is_tflite else {}
        for name, given in (("scale_correction", new.scale_correction), ("shift", new.shift)):
            if given is not None:
                values = array_values(given)
                details[name] = (int(values.min()), int(values.max()))
        bound, folded_bound = self._bound(form), self.inexact.get(self.roots[op])
        details |= {"max_error": bound, "rms_error": self._errors(form).rms() if bound else 0.0}
        return details if folded_bound is None else details | {"folded_max_error": folded_bound}

    def _parts(self, op: Operation) -> Iterator[Form]:
        """Yields the forms of an operation's operands that stand for the same root as it does."""
        for operand in op.operands:
            form = self.form_of(operand)
            if form is not None and self.roots[form.operation] is self.roots[op]:
                yield form


def _quoted(form: Form) -> DictionaryAttr:
    """Returns the source of a form, with what the operation itself states of it."""
    own = form.operation.properties
    shared = {name: own[name] for name in sima.QUOTED_PROPERTIES if name in own}
    return DictionaryAttr(dict(form.source) | shared)


def _text(value: Detail) -> str:
    """Writes a detail for people: a range as `7..9`, a real number with three digits."""
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3g}"
    low, high = value
    return str(low) if low == high else f"{low}..{high}"
