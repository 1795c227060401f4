"""By what an answer is found again: the question, with its times made absolute."""

import hashlib
from typing import Final

from workbench.query.question import Question

FROM_THE_BEGINNING: Final = -(2**63)


def since_of(question: Question) -> int:
    """Return from when on a question is; milliseconds UTC."""
    return FROM_THE_BEGINNING if question.since is None else question.since


def digest(question: Question) -> str:
    """Return the SHA-256 of all of a question but its `since`, as hexadecimal digits.

    Of a pin only the seq matters: what else it says is checked against logs.db each time.
    """
    all_but_since = (
        _sorted(question.types),
        _sorted(question.sources),
        question.until,
        question.contains,
        tuple((each.attribute, each.operator, each.values) for each in question.where),
        question.order,
        question.limit,
        question.kept,
        question.through,
    )
    # repr tells 1, 1.0 and True apart, and knows infinity; JSON does not.
    return _sha256(repr(all_but_since))


def digest_with(question: str, since: int) -> str:
    """Return the SHA-256 of a question's digest and a `since`."""
    return _sha256(f"{question} {since}")


def type_text(question: Question) -> str:
    """Return the types that are asked for, as people read them."""
    return "*" if question.types is None else ", ".join(_sorted(question.types) or ())


def _sorted(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted({*values}))


def _sha256(text: str) -> str:
    # Half a surrogate pair may be in an attribute's name, where no log can have it.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
