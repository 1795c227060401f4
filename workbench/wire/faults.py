"""Errors and warnings by the names of their classes, and back."""

from typing import Final

from waterline import errors
from waterline.errors import WaterlineError
from workbench.wire.values import Unreadable

_ERRORS: Final[dict[str, type[WaterlineError]]] = {
    each.__name__: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, WaterlineError)
}
_WARNINGS: Final[dict[str, type[UserWarning]]] = {
    each.__name__: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, UserWarning)
}

Written = dict[str, object]
"""An error as JSON: `error` (the name of its class), `message`, and of a query `text` and `at`."""


def written(error: WaterlineError) -> Written:
    """Return an error as JSON."""
    found: Written = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, errors.QueryError):
        found |= {"text": error.text, "at": [*error.at]}
    return found


def raised(error: object) -> WaterlineError:
    """Return the error that JSON tells of, of the same class and with the same sentence.

    Raises:
        Unreadable: it tells of none.
    """
    match error:
        case {
            "error": "QueryError",
            "message": str(message),
            "text": str(text),
            "at": [int(begin), int(end)],
        }:
            return _query_error(message, text, (begin, end))
        case {"error": str(name), "message": str(message)} if name in _ERRORS:
            return _ERRORS[name](message)
    raise Unreadable(f"{error!r:.80} is no error")


def _query_error(message: str, text: str, at: tuple[int, int]) -> WaterlineError:
    what = message.partition(f"position {at[0] + 1}: ")[2]
    return errors.QueryError(text, at, what)


def warning(name: object) -> type[UserWarning]:
    """Return the class of a warning by its name.

    Raises:
        Unreadable: there is none.
    """
    if not isinstance(name, str) or name not in _WARNINGS:
        raise Unreadable(f"{name!r:.80} is no warning")
    return _WARNINGS[name]
