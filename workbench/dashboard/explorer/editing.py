"""Queries of a page as it edits them: terms that a click adds, and what completes them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from waterline.errors import UsageError
from waterline.query_text.complete import complete
from waterline.query_text.condition import Scalar
from waterline.query_text.edit import attribute_name, quoted, term, with_term
from waterline.query_text.parse import TextQuery, parse
from workbench.dashboard.explorer.messages import Complete, Edit, Pair
from workbench.explore.fields import Field
from workbench.reports.figures.colours import KNOWN

MOST_KNOWN: Final = 200
"""Number of fields that are remembered, to complete queries."""
_decode: Final = msgspec.json.Decoder().decode


def edited(message: Edit) -> str:
    """Return a query with one term more; its opposite is removed.

    Raises:
        UsageError: the query is none, or the value is none to ask for.
    """
    if message.pair is not None:
        name, value = _name(message.pair), _value(message.pair)
        return with_term(message.query, name, value, is_negated=message.is_negated)
    parse(message.query)
    added = f"{'-' if message.is_negated else ''}{quoted(message.text)}"
    return f"{message.query.strip()} {added}".strip()


def as_query(pair: Pair | None) -> str:
    """Return the query for a field and a value; empty asks for all.

    Raises:
        UsageError: the value is none to ask for.
    """
    return "" if pair is None else term(_name(pair), _value(pair))


def suggested(message: Complete, types: Iterable[str], fields: Sequence[Field]) -> list[list[Any]]:
    """Return what may stand at the cursor: text, begin and end of what it replaces, and a note.

    Args:
        message: the query and the cursor.
        types: known types, the most frequent first.
        fields: known fields.
    """
    named = {each.name if each.is_column else attribute_name(each.name): each for each in fields}

    def values(name: str) -> list[Scalar]:
        if name == "type":
            return [*dict.fromkeys((*types, *KNOWN))]
        field = named.get(name)
        if field is None:
            return []
        return [text if is_text else _decode(text) for text, is_text, _ in field.values]

    found = complete(message.query, message.at, ["type", *named], values)
    notes = {f"{name}:": f"{field.distinct:,} values" for name, field in named.items()}
    return [[each, found.begin, found.end, notes.get(each, "")] for each in found.options]


def joined(fields: Sequence[Field], before: Sequence[Field]) -> list[Field]:
    """Return fields and those known before, which a query may still name."""
    by_name = {(each.name, each.is_column): each for each in (*before, *fields) if each.logs}
    named = [by_name[each.name, each.is_column] for each in fields if each.logs]
    return [*named, *(each for each in by_name.values() if each not in named)][:MOST_KNOWN]


def texts_of(query: TextQuery) -> Iterator[str]:
    """Yield the texts that messages may hold by a query, to be marked where they do."""
    yield from query.contains
    for group in query.any_of:
        for each in group:
            yield from texts_of(each)


def _name(pair: Pair) -> str:
    return pair.name if pair.is_column else attribute_name(pair.name)


def _value(pair: Pair) -> Scalar:
    if pair.is_text:
        return pair.value
    try:
        value = _decode(pair.value)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"{pair.value!r} is no value of JSON") from error
    if not isinstance(value, str | int | float):
        raise UsageError(f"no query asks for {pair.value}; {pair.name}:* asks whether it is there")
    return value
