"""Arrays from `.npz` files, with one clear line for each refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


def read_npz(
    path: str, what: str, select: Callable[[Sequence[str]], Sequence[str]]
) -> dict[str, Array]:
    """Returns the arrays that `select` chooses from the names in a file; `what` it holds.

    Raises `SimaError` when the file is not an `.npz`, when one of the arrays is pickled or is no
    array, and for what `select` refuses.
    """
    from zipfile import is_zipfile

    import numpy as np

    from sima_mlir import SimaError
    from sima_mlir.diagnostics import describe
    from sima_mlir.loading import reason_of

    try:
        with open(path, "rb") as file:
            if not is_zipfile(file):
                raise SimaError.of(f"{what} '{path}' must be an .npz")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            names = select(archive.files)
            return {name: _array(path, what, name, archive[name]) for name in names}
    except SimaError:
        raise
    except OSError as error:
        raise SimaError.of(f"cannot read '{path}': {reason_of(error)}") from error
    except Exception as error:  # zipfile, zlib and NumPy each have their own for damaged bytes
        message = f"{what} '{path}' are not a readable .npz: {describe(error)}"
        raise SimaError.of(message) from error


def _array(path: str, what: str, name: str, value: Any) -> Array:
    import numpy as np

    from sima_mlir import SimaError

    if not isinstance(value, np.ndarray):
        raise SimaError.of(f"'{name}' of {what} '{path}' must be an array, got other bytes")
    return cast("Array", value)
