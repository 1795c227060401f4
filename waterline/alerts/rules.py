"""Rules of alerts, as the tables `[[alerts]]` of waterline.toml have them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, get_args
from urllib.parse import urlsplit

from waterline.errors import SettingsError, UsageError
from waterline.query_text.parse import COLUMN_PREFIX, COLUMNS, parse
from waterline.units import format_duration, parse_duration

MOST_RULES: Final = 50
"""Greatest number of rules, as each looks at each log."""
LONGEST: Final = 86_400_000
"""Greatest window, and time that a condition has to last, in milliseconds."""
SHORTEST: Final = 10_000
"""Least window, in milliseconds."""
_LONGEST_NAME: Final = 100
_LONGEST_ADDRESS: Final = 2_000

Kind = Literal["count", "rate", "share", "percentile", "absence"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_MEMBERS: Final = (
    *("name", "kind", "query", "above", "below", "over", "for"),
    *("of", "attribute", "q", "by", "webhook"),
)
_OF_A_KIND: Final[Mapping[str, Kind]] = {
    "of": "share",
    "attribute": "percentile",
    "q": "percentile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """A rule: what is computed of the logs of a window, and when that is an incident."""

    name: str
    kind: Kind
    query: str = ""
    """Text of the logs that count; empty for all."""
    above: float | None = None
    below: float | None = None
    over: int
    """Length of the window, in milliseconds."""
    lasting: int = 0
    """How long the condition has to hold, in milliseconds; the member `for`."""
    of: str = ""
    """Text of the logs that a share is of."""
    attribute: str | None = None
    """Attribute of a percentile, or its path."""
    q: float | None = None
    """The percentile, from 0 to 100."""
    by: str | None = None
    """`type`, `source` or an attribute; each of its values has incidents of its own."""
    webhook: str | None = None

    @property
    def threshold(self) -> float:
        """The value from which on it is an incident; of an absence 1 log."""
        limit = self.below if self.above is None else self.above
        return 1.0 if limit is None else limit

    @property
    def receiver(self) -> str | None:
        """Scheme, host and port of the webhook, as the rest of an address may be a secret."""
        if self.webhook is None:
            return None
        parts = urlsplit(self.webhook)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def is_met(self, value: float | None) -> bool:
        """Return whether a value is one of an incident; None is no value."""
        if value is None:
            return False
        return value > self.above if self.above is not None else value < self.threshold

    def condition(self) -> str:
        """Return the rule but for its name and query, in words."""
        window = format_duration(self.over)
        lasting = f" for {format_duration(self.lasting)}" if self.lasting else ""
        by = f" by {self.by}" if self.by else ""
        if self.kind == "absence":
            return f"no log in {window}{by}{lasting}"
        what = f"p{self.q:g} of {self.attribute}" if self.kind == "percentile" else self.kind
        if self.of:
            what = f"share of {self.of}"
        how = "above" if self.above is not None else "below"
        return f"{what} {how} {self.threshold:g} in {window}{by}{lasting}"


def parse_rules(tables: object, place: str, *, check_queries: bool = True) -> tuple[AlertRule, ...]:
    """Return the rules of the tables `[[alerts]]`.

    Args:
        tables: the member `alerts` of a TOML file.
        place: the file, for errors.
        check_queries: whether queries are read, which loads Arrow if one has a regular expression.

    Raises:
        SettingsError: a rule has no meaning; the sentence names it and its member.
    """
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise SettingsError(f"alerts in {place} are tables; begin each with [[alerts]]")
    if len(tables) > MOST_RULES:
        raise SettingsError(f"{place} has {len(tables)} alerts; {MOST_RULES} are possible")
    rules = [
        _Table(each, number, place, check_queries=check_queries).rule()
        for number, each in enumerate(tables, start=1)
    ]
    names = [each.name for each in rules]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"alert {name!r} in {place}, name: another alert has it too")
    return tuple(rules)


class _Table:
    """Reads one table, and refuses a member by its name."""

    def __init__(
        self, table: Mapping[str, object], number: int, place: str, *, check_queries: bool
    ) -> None:
        self._table = table
        self._check_queries = check_queries
        self._place = place
        name = table.get("name")
        self._who = repr(name) if isinstance(name, str) else str(number)

    def rule(self) -> AlertRule:
        for member in self._table:
            if member not in _MEMBERS:
                self._refuse(member, f"there is no such member; there are {', '.join(_MEMBERS)}")
        kind = self._kind()
        for member, only in _OF_A_KIND.items():
            if member in self._table and only != kind:
                self._refuse(member, f"only a {only} has it, and this is a {kind}")
        above, below = self._number("above"), self._number("below")
        if kind == "absence":
            for member in ("above", "below"):
                if member in self._table:
                    self._refuse(member, "an absence has no threshold; leave it out")
        elif (above is None) == (below is None):
            self._refuse("above", "give a threshold, either above or below")
        if kind == "share":
            for member, limit in (("above", above), ("below", below)):
                if limit is not None and not 0 <= limit <= 1:
                    self._refuse(member, f"{limit:g} is no share; give one from 0 to 1")
        return AlertRule(
            name=self._name(),
            kind=kind,
            query=self._query("query"),
            above=above,
            below=below,
            over=self._duration("over", SHORTEST, "5min"),
            lasting=self._duration("for", 0, "0s"),
            of=self._query("of"),
            attribute=self._attribute(kind),
            q=self._percentile(kind),
            by=self._by(),
            webhook=self._webhook(),
        )

    def _refuse(self, member: str, what: str) -> NoReturn:
        raise SettingsError(f"alert {self._who} in {self._place}, {member}: {what}")

    def _text(self, member: str) -> str | None:
        value = self._table.get(member)
        if value is not None and not isinstance(value, str):
            self._refuse(member, f"{value!r} is no text")
        return value

    def _number(self, member: str) -> float | None:
        value = self._table.get(member)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            self._refuse(member, f"{value!r} is no number")
        return float(value)

    def _name(self) -> str:
        name = self._text("name")
        if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
            self._refuse("name", f"give a text of 1 to {_LONGEST_NAME} characters")
        return name

    def _kind(self) -> Kind:
        given = self._text("kind")
        kind = next((each for each in KINDS if each == given), None)
        if kind is None:
            self._refuse("kind", f"give one of {', '.join(KINDS)}")
        return kind

    def _query(self, member: str) -> str:
        text = self._text(member) or ""
        try:
            if self._check_queries:
                parse(text)
        except UsageError as error:
            self._refuse(member, str(error))
        return text

    def _duration(self, member: str, least: int, default: str) -> int:
        text = self._text(member)
        try:
            duration = parse_duration(default if text is None else text)
        except ValueError as error:
            self._refuse(member, str(error))
        if not least <= duration <= LONGEST or duration % 1000:
            span = f"from {format_duration(least)} to {format_duration(LONGEST)}"
            self._refuse(member, f"{text!r} is none of whole seconds {span}")
        return duration

    def _attribute(self, kind: Kind) -> str | None:
        name = self._text("attribute")
        if kind == "percentile" and not name:
            self._refuse("attribute", "name the attribute that the percentile is of")
        return None if name is None else name.removeprefix(COLUMN_PREFIX)

    def _percentile(self, kind: Kind) -> float | None:
        q = self._number("q")
        if kind == "percentile" and (q is None or not 0 <= q <= 100):
            self._refuse("q", "give the percentile, from 0 to 100, such as 99")
        return q

    def _by(self) -> str | None:
        name = self._text("by")
        if name is not None and (not name or name in COLUMNS):
            self._refuse("by", f"{name!r} is no group; give type, source or an attribute")
        return name

    def _webhook(self) -> str | None:
        address = self._text("webhook")
        if address is None:
            return None
        try:
            parts = urlsplit(address)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_address = is_address and (parts.port is None or parts.port > 0)
        except ValueError:
            is_address = False
        plain = address.isascii() and address.isprintable() and " " not in address
        if not is_address or not plain or len(address) > _LONGEST_ADDRESS:
            # The address may hold a secret, and is not shown.
            self._refuse("webhook", "give an address such as https://example.com/alerts")
        return address


def names_of(rules: Sequence[AlertRule]) -> frozenset[str]:
    """Return the names of rules."""
    return frozenset(each.name for each in rules)
