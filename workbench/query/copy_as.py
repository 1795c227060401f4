"""A query as what one can paste elsewhere: lines of Python, of a shell, or a statement of SQL.

There is no endpoint for queries over HTTP, so there is no command for curl.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from waterline.clock import now_ms
from waterline.query_text.condition import Condition, Pattern, Range, Scalar
from waterline.query_text.parse import TextQuery, parse
from waterline.query_text.paths import steps_of
from workbench.query.times import TimeLike, iso_text, to_milliseconds

_NUMBERS: Final = "('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
_ATTRIBUTES: Final = "attributes"


def as_python(
    query: str,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    place: Path | str | None = None,
) -> str:
    """Return a query as a call of `Workbench.logs`.

    Args:
        query: the text.
        since: begin, inclusive; None is none.
        until: end, exclusive; None is none.
        place: the data folder, or the address of a server, which is opened as `wb` first; None
            leaves that to others.

    Raises:
        UsageError: it is no query, or a time is none.
    """
    parse(query)
    given = {"query": query or None, "since": _moment(since), "until": _moment(until)}
    told = [f"{name}={value!r}" for name, value in given.items() if value is not None]
    call = f"wb.logs({', '.join(told)})"
    if place is None:
        return call
    return f"import workbench\n\nwb = workbench.connect({str(place)!r})\n{call}"


def as_command(
    query: str,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    folder: Path | None = None,
) -> str:
    """Return a query as a command line, which prints every log; see `as_python`.

    Args:
        query: the text.
        since: begin, inclusive; None is none.
        until: end, exclusive; None is none.
        folder: the data folder; None is that of the settings where the command is run.

    Raises:
        UsageError: it is no query, or a time is none.
    """
    parse(query)
    words = ["waterline", "logs"]
    if query:
        words += ["--query", query] if query.startswith("-") else [query]
    for option, moment in (("--since", _moment(since)), ("--until", _moment(until))):
        if moment is not None:
            words += [option, moment.removeprefix("-")]
    words += ["--limit", "all"]
    return shlex.join(words if folder is None else [*words, "--data", str(folder)])


def as_sql(
    query: str,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    *,
    now: int | None = None,
) -> str:
    """Return a query as a statement for `Workbench.sql` and `waterline sql`; see `as_python`.

    Args:
        query: the text.
        since: begin, inclusive; None is none.
        until: end, exclusive; None is none.
        now: milliseconds UTC, from which relative times count; None reads the clock.
    """
    moment = now_ms() if now is None else now
    criteria = _criteria(parse(query))
    for name, how, end in (("since", ">=", since), ("until", "<", until)):
        if end is not None:
            text = iso_text(to_milliseconds(end, name, moment))
            criteria.append(f"timestamp {how} TIMESTAMPTZ {_text(text)}")
    where = f" WHERE {' AND '.join(criteria)}" if criteria else ""
    return f"SELECT * FROM logs{where} ORDER BY timestamp, seq"


def _moment(moment: TimeLike | None) -> str | None:
    """Return a time as text: a relative one as it is, another in ISO 8601."""
    if moment is None:
        return None
    if isinstance(moment, str) and moment.strip().startswith("-"):
        to_milliseconds(moment, "since", 0)
        return moment.strip()
    return iso_text(to_milliseconds(moment, "since", 0))


def _criteria(query: TextQuery) -> list[str]:
    found = []
    for name, wanted in (("type", query.types), ("source", query.sources)):
        if wanted is not None:
            found.append(_is_one_of(name, wanted))
    for name, unwanted in (("type", query.without_types), ("source", query.without_sources)):
        if unwanted:
            found.append(f"NOT {_is_one_of(name, unwanted)}")
    found += [f"contains(message, {_text(each)})" for each in query.contains]
    found += [f"NOT contains(message, {_text(each)})" for each in query.lacks]
    for each in query.patterns:
        is_not = "NOT " if each.is_negated else ""
        found.append(f"{is_not}regexp_matches({each.column}, {_text(each.pattern.text)})")
    found += [_meets(each) for each in query.where]
    for group in query.any_of:
        found.append(_either(_every(_criteria(each)) for each in group))
    return found


def _meets(condition: Condition) -> str:
    value = _value(condition.attribute)
    is_there = f"coalesce(json_type({value}), 'NULL') <> 'NULL'"
    if condition.operator == "exists":
        return is_there
    if condition.operator == "lacks":
        return f"NOT ({is_there})"
    if condition.operator in ("==", "in", "!="):
        equal = _either(_compares(value, "=", each) for each in condition.values)
        return f"{is_there} AND NOT {equal}" if condition.operator == "!=" else equal
    (wanted,) = condition.values
    return _compares(value, condition.operator, wanted)


def _compares(value: str, operator: str, wanted: Scalar | Range | Pattern) -> str:
    """Return a criterion that is true or false, and never NULL."""
    if isinstance(wanted, Range):
        ends = ((">=", wanted.low), ("<=", wanted.high))
        return _every(_compares(value, how, end) for how, end in ends if end is not None)
    kind, text = f"json_type({value})", f"json_extract_string({value}, '$')"
    if isinstance(wanted, Pattern):
        test = f"regexp_matches({text}, {_text(wanted.text)})"
        return f"coalesce({kind} = 'VARCHAR' AND {test}, false)"
    if isinstance(wanted, str):
        return f"coalesce({kind} = 'VARCHAR' AND {text} {operator} {_text(wanted)}, false)"
    if isinstance(wanted, bool):
        test = f"{text} {operator} '{'true' if wanted else 'false'}'"
        return f"coalesce({kind} = 'BOOLEAN' AND {test}, false)"
    number = f"TRY_CAST({text} AS DOUBLE) {operator} {_number(wanted)}"
    if isinstance(wanted, int):
        # A double does not hold each integer of 64 bits.
        whole = f"TRY_CAST({text} AS HUGEINT) {operator} {wanted}"
        number = f"CASE WHEN {kind} = 'DOUBLE' THEN {number} ELSE {whole} END"
    return f"coalesce({kind} IN {_NUMBERS} AND {number}, false)"


def _number(value: float) -> str:
    return f"CAST('{value!r}' AS DOUBLE)"


def _value(attribute: str) -> str:
    """Return the value of an attribute, or of what lies at its path."""
    here = _at(attribute)
    steps = steps_of(attribute)
    if not steps:
        return f"json_extract({_ATTRIBUTES}, {here})"
    # A step into an array by number is none.
    parents = [_at(*steps[:depth]) for depth in range(1, len(steps))]
    inside = _every(f"json_type({_ATTRIBUTES}, {each}) = 'OBJECT'" for each in parents)
    return (
        f"CASE WHEN json_exists({_ATTRIBUTES}, {here}) THEN json_extract({_ATTRIBUTES}, {here}) "
        f"WHEN {inside} THEN json_extract({_ATTRIBUTES}, {_at(*steps)}) END"
    )


def _at(*steps: str) -> str:
    """Return a JSON pointer, which has any name."""
    return _text("".join(f"/{each.replace('~', '~0').replace('/', '~1')}" for each in steps))


def _is_one_of(column: str, values: Iterable[str]) -> str:
    listed = ", ".join(map(_text, values))
    return f"({column} IN ({listed}))" if listed else "(false)"


def _either(parts: Iterable[str]) -> str:
    return f"({' OR '.join(parts) or 'false'})"


def _every(parts: Iterable[str]) -> str:
    return f"({' AND '.join(parts) or 'true'})"


def _text(text: str) -> str:
    """Return a literal; DuckDB reads no NUL in one."""
    parts = ["'{}'".format(each.replace("'", "''")) for each in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"
