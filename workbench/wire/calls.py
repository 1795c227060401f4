"""The questions that a server answers in one piece, by name."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Any, Final, get_args, get_type_hints, is_typeddict

from workbench.explore import calls as of_pages
from workbench.notebook.card import card
from workbench.patterns.difference import diff
from workbench.patterns.patterns import found_patterns, patterns
from workbench.query import answers
from workbench.query.around import around
from workbench.query.moment import Moment, read_moment
from workbench.query.session import Session
from workbench.reports import fields, traffic
from workbench.reports.archives import archived_days, archives
from workbench.reports.compression import batches
from workbench.reports.holdings import holdings
from workbench.reports.page.contents import missing_files, refused
from workbench.snapshots.shared import snapshot
from workbench.wire.values import Unreadable, is_of


def moment(session: Session) -> Moment:
    """Return the moment of now."""
    with session.database.view() as view:
        return read_moment(view)


_OF_PAGES: Final[dict[str, Callable[..., Any]]] = {
    "page_around": of_pages.around,
    "page_came": of_pages.came,
    "page_gaps": of_pages.gaps,
    "page_lines": of_pages.lines,
    "page_lines_of": of_pages.lines_of,
    "page_matching": of_pages.matching,
    "page_patterns": found_patterns,
    "page_percentiles": of_pages.percentiles,
    "page_piece": of_pages.piece,
    "page_tally": of_pages.tally,
    "page_tally_by_type_and": of_pages.tally_by_type_and,
    "snapshot": snapshot,
}
"""Calls of a dashboard, which checks no argument itself."""

CALLS: Final[dict[str, Callable[..., Any]]] = {
    "archived_days": archived_days,
    "archives": archives,
    "around": around,
    "card": card,
    "compression": batches,
    "count": answers.count,
    "count_matching": answers.count_matching,
    "diff": diff,
    "explain": answers.read_plan,
    "explain_empty": Session.explain_empty,
    "fields": fields.fields,
    "holdings": holdings,
    "latency": traffic.stored_latency,
    "missing_files": missing_files,
    "moment": moment,
    "patterns": patterns,
    "pin": Session.pin,
    "refused": refused,
    "sources": traffic.sources,
    "throughput": traffic.throughput,
    **_OF_PAGES,
}
"""Functions of a session and plain arguments."""

NAMES: Final = {call: name for name, call in CALLS.items()}
"""Name of each function."""


def check_arguments(name: str, given: Sequence[object]) -> None:
    """Refuse arguments that a call cannot be made with; the call checks all else.

    Args:
        name: the call.
        given: its arguments, in order.

    Raises:
        Unreadable: there are too few or too many, or one is of another class.
    """
    call = CALLS[name]
    try:
        bound = inspect.signature(call).bind(None, *given)
    except TypeError as error:
        raise Unreadable(f"{name} takes other arguments: {error}") from error
    hints = get_type_hints(call)
    fits = is_of if name in _OF_PAGES else _may_be
    for argument, value in [*bound.arguments.items()][1:]:
        if not fits(value, hints[argument]):
            raise Unreadable(f"{name}: {argument} cannot be {value!r:.80}")


def _may_be(value: object, hint: Any) -> bool:  # noqa: ANN401 - as declared
    """Return whether a value is of the class that is declared, if one is."""
    if is_typeddict(hint):
        return isinstance(value, dict) and value.keys() <= hint.__annotations__.keys()
    kinds = [each for each in (hint, *get_args(hint)) if is_dataclass(each)]
    if not kinds:
        return True
    if value is None or isinstance(value, str):
        return type(value) in get_args(hint)
    return any(type(value) is each for each in kinds)
