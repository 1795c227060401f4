"""Plans of JSON objects: where those of one shape have what is looked for in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from waterline.recognition.levels import says_more, type_of_word
from waterline.recognition.object_containers import CONTAINERS
from waterline.recognition.object_dialect import (
    LEVELS,
    MESSAGES,
    REQUESTS,
    STATUSES,
    TIMES,
    WORDS_ALONE,
    ObjectDialect,
    scale_of,
)
from waterline.recognition.object_dialects import DIALECTS
from waterline.recognition.object_members import Path, paths_of
from waterline.recognition.object_shapes import number_of

# Shapes that are remembered, and members of such a shape and characters of their names at most.
_MOST_PLANS: Final = 1000
_WIDEST_PLAN: Final = 100
_LONGEST_PLAN: Final = 10_000
_OURS: Final = ("type",)
PLAIN: Final = ObjectDialect(name="any", marks=())
"""Objects of no dialect."""
_Shape = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overrides:
    """Members that a user names, tried before those of the dialect; nested ones with dots."""

    message_field: str | None = None
    time_field: str | None = None
    type_field: str | None = None


class Plan(NamedTuple):
    """Where the objects of some shapes have what is looked for."""

    dialect: ObjectDialect
    message: Sequence[Path]
    time: Sequence[Path]
    level: Sequence[Path]
    type: Sequence[Path]
    status: Sequence[Path]
    may_be_ours: bool
    has_date_and_time: bool
    has_type: bool
    has_level: bool
    may_hold_several: bool

    @property
    def is_flat(self) -> bool:
        """Whether message, time and level are members of the object itself, for all one knows.

        Time and level may be missing.
        """
        return (
            not self.may_be_ours
            and not self.type
            and not self.dialect.forwards
            and bool(self.message)
            and bool(self.time or not self.has_date_and_time)
            and bool(self.level or not self.status)
            and all(
                isinstance(each[0], str) for each in (self.message, self.time, self.level) if each
            )
        )

    @property
    def together(self) -> "Plan":
        """What reading member by member looks at: the first place of each."""
        if not self.is_flat:
            return self
        return self._replace(
            message=self.message[:1],
            time=self.time[:1],
            level=self.level[:1],
            status=(),
            has_date_and_time=False,
        )


class _Known(NamedTuple):
    """Plans by shape."""

    own: dict[_Shape, Plan]
    together: dict[_Shape, Plan]
    """The same plans without what reading member by member does not look at."""


class Plans:
    """Makes plans, and remembers those of the shapes that it has seen.

    Args:
        overrides: members that the user names.
    """

    def __init__(self, overrides: Overrides | None) -> None:
        self._overrides = overrides
        self._known: dict[int, _Known] = {}
        self._shared: dict[Plan, Plan] = {}

    def of(self, value: Mapping[str, object], dialect: ObjectDialect | None = None) -> Plan:
        """Return the plan of an object.

        Args:
            value: the object.
            dialect: the dialect that gave it its shape; None if it came so.
        """
        own, _ = self._known_of(dialect)
        return own.get(tuple(value)) or self._new(value, dialect)

    def of_many(
        self, values: Sequence[Mapping[str, object]], dialect: ObjectDialect | None = None
    ) -> list[Plan]:
        """Return for each of many objects the plan that it shares with those that are read alike.

        Args:
            values: the objects.
            dialect: see `of`.
        """
        shapes = list(map(tuple, values))
        _, known = self._known_of(dialect)
        plans = list(map(known.get, shapes))
        if None not in plans:
            return cast("list[Plan]", plans)
        unknown = {
            shape: value
            for shape, value, plan in zip(shapes, values, plans, strict=True)
            if plan is None
        }
        made = {shape: self._new(value, dialect).together for shape, value in unknown.items()}
        return [
            made[shape] if plan is None else plan for shape, plan in zip(shapes, plans, strict=True)
        ]

    def _known_of(self, dialect: ObjectDialect | None) -> _Known:
        return self._known.get(id(dialect)) or self._known.setdefault(id(dialect), _Known({}, {}))

    def _new(self, value: Mapping[str, object], dialect: ObjectDialect | None) -> Plan:
        members = value.keys()
        plan = _plan(
            dialect or next((each for each in DIALECTS if members >= set(each.marks)), PLAIN),
            value,
            self._overrides,
        )
        if sum(len(each.own) for each in self._known.values()) >= _MOST_PLANS:
            self._known.clear()
            self._shared.clear()
        if len(value) <= _WIDEST_PLAN and sum(map(len, value)) <= _LONGEST_PLAN:
            own, together = self._known_of(dialect)
            shape, shared = tuple(value), plan.together
            own[shape] = self._shared.setdefault(plan, plan)
            together[shape] = self._shared.setdefault(shared, shared)
        return plan


def _plan(dialect: ObjectDialect, value: Mapping[str, object], overrides: Overrides | None) -> Plan:
    first = overrides or Overrides()
    may_be_ours = "type" in value and "message" in value
    return Plan(
        dialect,
        message=paths_of(
            _first(first.message_field, *dialect.message, *MESSAGES), value, any_case=True
        ),
        time=paths_of(_first(first.time_field, *dialect.time, *TIMES), value, any_case=True),
        level=paths_of((*dialect.level, *LEVELS), value, any_case=True),
        # Without overrides such an object is ours, or its type is looked at last.
        type=paths_of(_first(first.type_field, *_OURS if overrides and may_be_ours else ()), value),
        status=paths_of(STATUSES, value) if any(each in value for each in REQUESTS) else (),
        may_be_ours=overrides is None and may_be_ours,
        has_date_and_time="date" in value and "time" in value,
        has_type="type" in value,
        has_level="level" in value,
        may_hold_several=not CONTAINERS.isdisjoint(value),
    )


def _first(named: str | None, *names: str) -> Sequence[str]:
    return names if named is None else (named, *names)


def meaning_of(written: object, path: Path, plan: Plan) -> tuple[str, bool] | None:
    """Return the type that a level means, and whether it says more; None if it is no level.

    Args:
        written: the level as it was written.
        path: where it stood.
        plan: the plan of its object.
    """
    if isinstance(written, str):
        word = type_of_word(written)
        if word is not None:
            return word, says_more(written)
    number = number_of(written)
    if type(number) is not int or (path in WORDS_ALONE and plan.dialect.scale is None):
        return None
    scale = plan.dialect.scale or scale_of(path if isinstance(path, str) else "", number)
    named = scale(number)
    return None if named is None else (named, scale.says_more(number))
