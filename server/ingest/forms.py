"""Bodies of HTML forms, as Python's `logging.handlers.HTTPHandler` posts a record of its own."""

import ast
import re
from typing import Final
from urllib.parse import parse_qsl

FORM: Final = "application/x-www-form-urlencoded"
# curl and others name a body so that is none, unless they are told what it is.
_NO_FORM: Final = (b"{", b"[")
_MOST_FIELDS: Final = 1000
# Characters of a message or its arguments; each conversion may be wide.
_LONGEST: Final = 10_000
_TEMPLATE: Final = re.compile(r"(?:[^%]|%(?:%|-?\d{0,2}(?:\.\d{1,2})?[sdrifgxX]))*+", re.DOTALL)


def read_form(content: bytes) -> dict[str, object] | None:
    """Return the fields of a form, of equal names the last; None if the body is none.

    The handler sends a record as it was before it was formatted: its arguments are put into its
    message.
    """
    if content.lstrip().startswith(_NO_FORM) or len(content.split(maxsplit=1)) != 1:
        return None
    try:
        pairs = parse_qsl(
            content.strip().decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MOST_FIELDS,
            errors="replace",
        )
    except ValueError:
        return None
    fields = dict(pairs)
    message = _formatted(fields.get("msg"), fields.get("args"))
    if message is None:
        return {**fields}
    del fields["args"]
    return {**fields, "msg": message}


def _formatted(template: str | None, arguments: str | None) -> str | None:
    """Return the message of a record; None if it is not sure."""
    if template is None or arguments is None:
        return None
    if arguments == "()":  # then it is no template
        return template
    if max(len(template), len(arguments)) > _LONGEST or not _TEMPLATE.fullmatch(template):
        return None
    try:
        values = ast.literal_eval(arguments)
        message = template % values if isinstance(values, tuple) else None
    except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError):
        return None
    # Half of a surrogate pair has no UTF-8.
    return None if message is None else message.encode(errors="replace").decode()
