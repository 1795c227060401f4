"""A question: filters, order and limit of logs, as one immutable value."""

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypedDict, TypeGuard, TypeVar, Unpack

import numpy as np

from waterline.archive.columns import NAMES
from waterline.archive.selection import Selection
from waterline.errors import UsageError
from waterline.integers import INT64
from waterline.query_text.columns import attributes_in, looked_at
from waterline.query_text.condition import OPERATORS, Condition, Scalar
from waterline.query_text.parse import TextQuery, both, parse
from waterline.storage.catalog import ArchivedBatch, Clock
from workbench.query.pin import Pin, to_pin
from workbench.query.times import TimeLike, plain, to_milliseconds

Order = Literal["oldest", "newest"]
Place = tuple[int, int]
"""Timestamp and seq of a log: its place in the order of answers."""
Where = Mapping[str, object]
"""Attribute to value, or to (operator, value)."""


_EVERY_LOG: Final = TextQuery()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Filters of logs. Times are milliseconds UTC, `since` inclusive, `until` exclusive."""

    clock: Clock = "timestamp"
    """Column that `since` and `until` are about; the cache keeps answers by timestamp only."""

    filters: TextQuery = _EVERY_LOG
    """The filters but for times."""
    since: int | None = None
    until: int | None = None
    before: Place | None = None
    """Place that theirs precede; None is the end."""
    behind: Place | None = None
    """Place that theirs follow; None is the begin."""
    order: Order | None = "oldest"
    """None is any: what only tells the order is not read then."""
    limit: int | None = None
    columns: tuple[str, ...] = NAMES
    """Stored columns of the answer, in its order."""
    members: tuple[str, ...] | None = None
    """Names or paths of the attributes that the column `attributes` is needed for; None is all, as
    JSON texts. Else those of archives may come packed, with no more than these."""
    pin: Pin | None = None
    """Moment of the answer; None is now."""
    last: int | None = None
    """Highest seq of the answer beside that of the pin; None is any."""
    first: int | None = None
    """Lowest seq of the answer; None is any."""

    @property
    def is_of_all(self) -> bool:
        """Whether all logs up to `through` match."""
        bounds = (self.since, self.until, self.before, self.behind, self.first)
        return self.filters == _EVERY_LOG and all(each is None for each in bounds)

    def without(self, condition: Condition) -> "Question":
        """Return the question without a condition on an attribute."""
        where = tuple(each for each in self.filters.where if each != condition)
        return replace(self, filters=replace(self.filters, where=where))

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns that answers are assembled from, in the order of storage."""
        return _in_order({*self.columns, *(() if self.order is None else ("seq", "timestamp"))})

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns to read of an archive file: `kept`, and those that filters look at."""
        names = {*self.kept, *looked_at(self.filters)}
        if self.since is not None or self.until is not None:
            names.add(self.clock)
        if self.through is not None or self.first is not None:
            names.add("seq")
        if self.before is not None or self.behind is not None:
            names |= {"seq", "timestamp"}
        return _in_order(names)

    @property
    def needed_members(self) -> tuple[str, ...] | None:
        """Names or paths of attributes to read of an archive file; None is all."""
        asked = () if "attributes" not in self.kept else self.members
        return None if asked is None else (*asked, *attributes_in(self.filters))

    @property
    def chosen_by(self) -> "Question":
        """The question without what is only answered with: it needs what filters and limit need."""
        return replace(self, columns=(), order=None if self.limit is None else self.order)

    @property
    def through(self) -> int | None:
        """Highest seq of the answer; None is any."""
        through = None if self.pin is None else self.pin.seq
        if through is None or self.last is None:
            return self.last if through is None else through
        return min(through, self.last)

    @property
    def selection(self) -> Selection:
        """The part of the question that the catalog can decide; it includes every match."""
        since, until = self.since, self.until
        if self.clock == "timestamp":
            if self.behind is not None:
                since = self.behind[0] if since is None else max(since, self.behind[0])
            if self.before is not None:
                end = self.before[0] + 1
                until = end if until is None else min(until, end)
        return Selection(
            clock=self.clock,
            since=since,
            until=until,
            types=self.filters.types,
            sources=self.filters.sources,
            through=self.through,
            first=self.first,
        )

    def within(self, batch: ArchivedBatch) -> "Question":
        """Return what the file of a batch has to be asked: no bounds that all of its logs meet."""
        first, last = batch.reach(self.clock)
        first_time, last_time = batch.reach("timestamp")
        is_past = self.through is None or batch.last_seq <= self.through
        return replace(
            self,
            since=None if self.since is None or self.since <= first else self.since,
            until=None if self.until is None or last < self.until else self.until,
            before=None if self.before is None or last_time < self.before[0] else self.before,
            behind=None if self.behind is None or first_time > self.behind[0] else self.behind,
            pin=None if is_past else self.pin,
            last=None if is_past else self.last,
            first=None if self.first is None or self.first <= batch.first_seq else self.first,
        )

    def exactly(self, batch: ArchivedBatch) -> int | None:
        """Return how many logs of a batch match; None if only its file can tell.

        The limit is ignored.
        """
        # Whatever filter the selection does not have, its file has to tell.
        decided = Question(
            clock=self.clock,
            filters=TextQuery(types=self.filters.types, sources=self.filters.sources),
            since=self.since,
            until=self.until,
            order=self.order,
            limit=self.limit,
            columns=self.columns,
            members=self.members,
            pin=self.pin,
            last=self.last,
            first=self.first,
        )
        return self.selection.exactly(batch) if self == decided else None


def what_sql_leaves(query: TextQuery) -> TextQuery | None:
    """Return the filters that SQLite cannot tell, as it has no patterns; None if it tells all."""
    left = TextQuery(
        patterns=query.patterns,
        where=tuple(each for each in query.where if each.has_patterns),
        any_of=tuple(group for group in query.any_of if any(map(what_sql_leaves, group))),
    )
    return None if left == TextQuery() else left


class Filters(TypedDict, total=False):
    """Filters that an analyst may give; `Workbench.logs` explains each."""

    type: str | Sequence[str] | None
    source: str | Sequence[str] | None
    node: str | Sequence[str] | None
    since: TimeLike | None
    until: TimeLike | None
    contains: str | None
    query: str | None
    where: Where | None
    order: Order
    limit: int | None
    columns: Sequence[str] | None
    at: Pin | str | None


def refuse(filters: Filters, *names: str) -> None:
    """Refuse filters that have no meaning here.

    Raises:
        UsageError: one is given.
    """
    given: dict[str, Any] = {**filters}
    for name in names:
        if given.get(name) is not None:
            raise UsageError(f"{name}={given[name]!r} has no meaning here; leave it out")


_Method = TypeVar("_Method", bound=Callable[..., object])


def shows_filters(method: _Method) -> _Method:
    """Show each filter in place of `**filters` in a notebook's help and completion."""
    signature = inspect.signature(method)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    filters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in Filters.__annotations__.items()
    ]
    shown = signature.replace(parameters=[*own, *filters])
    method.__signature__ = shown  # type: ignore[attr-defined] # read by inspect.signature
    return method


def ask(*, now: int, **filters: Unpack[Filters]) -> Question:
    """Return the question that filters ask.

    Args:
        now: milliseconds UTC, from which relative times count without a pin.
        **filters: filters as the analyst gave them.

    Raises:
        UsageError: a filter has no meaning; the sentence names it.
    """
    unknown = filters.keys() - Filters.__optional_keys__
    if unknown:
        raise UsageError(
            f"there is no filter {min(unknown)}; the filters are "
            f"{', '.join(sorted(Filters.__optional_keys__))}"
        )
    if filters.get("node") is not None:
        raise UsageError(
            f"node={filters['node']!r} is about nodes of a lake, and these logs are of one; leave "
            "it out, or connect(lake=...)"
        )
    at = filters.get("at")
    pin = None if at is None else to_pin(at)
    if pin is not None:
        now = pin.taken_at
    since, until = filters.get("since"), filters.get("until")
    order = filters.get("order")
    order = "oldest" if order is None else order
    begin = None if since is None else to_milliseconds(since, "since", now)
    end = None if until is None else to_milliseconds(until, "until", now)
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"since={since!r} lies after until={until!r}; swap them")
    if order not in ("oldest", "newest"):
        raise UsageError(f"order={order!r} is unknown; give 'oldest' (first) or 'newest'")
    text = _query(filters.get("query"))
    contains = _text(filters.get("contains"))
    asked = replace(
        text,
        types=both(texts_of(filters.get("type"), "type"), text.types),
        sources=both(texts_of(filters.get("source"), "source"), text.sources),
        contains=(*(() if contains is None else (contains,)), *text.contains),
        where=(*text.where, *_where(filters.get("where"))),
    )
    return Question(
        filters=asked,
        since=begin,
        until=end,
        order=order,
        limit=_count(filters.get("limit")),
        columns=_columns(filters.get("columns")),
        pin=pin,
    )


def with_attributes(question: Question, attributes: object) -> Question:
    """Return a question that also reads attributes, if they are asked for."""
    if attributes is None or "attributes" in question.columns:
        return question
    return replace(question, columns=(*question.columns, "attributes"))


def texts_of(value: str | Sequence[str] | None, argument: str) -> tuple[str, ...] | None:
    """Return the alternatives that a filter gives; None is any.

    Args:
        value: a text or several.
        argument: name of the filter, for an error.

    Raises:
        UsageError: it is something else.
    """
    if value is None:
        return None
    texts = _several(value)
    if not all(map(_is_text, texts)):
        raise UsageError(f"{argument}={value!r} is no text; give one, or a list of texts")
    return texts


def may_lack_logs(incomplete: object) -> bool:
    """Return whether logs of damaged files may be left out.

    Raises:
        UsageError: `incomplete` has no meaning.
    """
    if incomplete not in ("raise", "warn"):
        raise UsageError(f"incomplete={incomplete!r} is unknown; give 'raise' or 'warn'")
    return incomplete == "warn"


def _in_order(names: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name in names)


def _columns(columns: object) -> tuple[str, ...]:
    if columns is None:
        return NAMES
    names = _several(columns)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        advice = (
            f", and an attribute becomes one with attributes=[{unknown[0]!r}]"
            if isinstance(unknown[0], str)
            else ""
        )
        raise UsageError(
            f"columns={columns!r}: there is no column {unknown[0]!r}; the columns are "
            f"{', '.join(NAMES)}{advice}"
        )
    if not names or len({*names}) < len(names):
        raise UsageError(
            f"columns={columns!r} names no columns, or one twice; name each column once"
        )
    return names


def _text(contains: object) -> str | None:
    if contains is None or _is_text(contains):
        return contains
    raise UsageError(f"contains={contains!r} is no text; give the text to look for")


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a log could hold the text: half a surrogate pair is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count(limit: object) -> int | None:
    if limit is None:
        return None
    count = plain(limit)
    if isinstance(limit, np.floating) and float(limit).is_integer():
        count = int(limit)  # pandas makes floats of integers beside missing values
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return min(count, INT64[-1])
    raise UsageError(f"limit={limit!r} is no count; give a whole number, 0 or more")


def _several(value: object) -> tuple[Any, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def _query(query: object) -> TextQuery:
    if query is None:
        return TextQuery()
    if not _is_text(query):
        raise UsageError(f"query={query!r} is no text; give one such as 'type:error status>=500'")
    return parse(query)


def _where(where: object) -> tuple[Condition, ...]:
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        meant = f"; a query as text is query={where!r}" if _is_text(where) else ""
        raise UsageError(
            f"where={where!r} is no mapping; give one such as {{'status': 500}} "
            f"or {{'duration_ms': ('>', 100)}}{meant}"
        )
    return tuple(_condition(attribute, wanted) for attribute, wanted in where.items())


def _condition(attribute: str, wanted: object) -> Condition:
    if not _is_text(attribute):
        raise UsageError(f"where: {attribute!r} is no attribute; name it by a text")
    operator, value = "==", wanted
    if isinstance(wanted, tuple):
        if len(wanted) != 2 or not isinstance(wanted[0], str) or wanted[0] not in OPERATORS:
            raise UsageError(
                f"where[{attribute!r}]={wanted!r} is not a condition; give a value or "
                f"(operator, value) with one of {', '.join(OPERATORS)}"
            )
        operator, value = wanted
    values = (value,)
    if operator == "in":
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise UsageError(f"where[{attribute!r}]: 'in' wants a list of values, not {value!r}")
        values = tuple(value)
    return Condition(attribute, operator, tuple(_scalar(each, attribute) for each in values))


def _scalar(value: object, attribute: str) -> Scalar:
    scalar = plain(value)
    if _is_text(scalar) or isinstance(scalar, int):
        return scalar
    if isinstance(scalar, float) and not math.isnan(scalar):
        return scalar
    raise UsageError(
        f"where[{attribute!r}]: {value!r} cannot be compared with; "
        "give text, a number, True or False"
    )
