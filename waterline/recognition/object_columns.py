"""Objects of one plan, read together, member by member."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final, cast

from waterline.recognition.object_members import Path
from waterline.recognition.object_plans import Plan, meaning_of
from waterline.recognition.recognized import Columns
from waterline.recognition.time_values import CREDIBLE, milliseconds_of, read_time, times_of_texts

# In a millisecond.
_NANOSECONDS: Final = 1_000_000


def read_columns(values: Sequence[dict[str, object]], plan: Plan) -> Columns | None:
    """Read objects member by member; return None if one is odd, and leave them untouched then.

    Takes members out of the objects.

    Args:
        values: the objects.
        plan: their plan, which is flat.
    """
    message = cast("str", plan.message[0])
    time, level = (cast("str | None", next(iter(paths), None)) for paths in (plan.time, plan.level))
    names = [name for name in (message, time, level) if name is not None]
    if len(set(names)) < len(names) or (level != "level" and plan.has_level):
        return None
    messages = list(map(dict.get, values, repeat(message)))
    if set(map(type, messages)) != {str} or "" in messages:
        return None
    timestamps: Sequence[int | None] | None = [None] * len(values)
    if time is not None:
        timestamps = times_of_column(list(map(dict.get, values, repeat(time))))
    types, more = _types_of_column(cast("list[str]", messages), values, level, plan)
    if timestamps is None or types is None:
        return None
    for name in names:
        if name != level or not more:
            list(map(dict.pop, values, repeat(name)))
    for value, each in zip(values, more, strict=False):
        if each is None or level != "level":
            del value[cast("str", level)]
        if each is not None:
            value["level"] = each
    return Columns(cast("list[str]", messages), timestamps, types, values)


def _types_of_column(
    messages: Sequence[str], values: Sequence[dict[str, object]], level: str | None, plan: Plan
) -> tuple[Sequence[str | None] | None, Sequence[object]]:
    """Return the types of objects of one shape, and each level that says more than its type.

    The types are None if one of them is odd, the levels are empty if none says more.
    """
    if level is None:
        # Without a level a message may hold another object.
        is_odd = plan.has_type or any(each[0] == "{" for each in messages)
        return None if is_odd else [None] * len(values), ()
    written = list(map(dict.get, values, repeat(level)))
    meanings = _meanings(written, level, plan)
    if meanings is None:
        return None, ()
    types = [meanings[each][0] for each in written]
    if not any(more for _, more in meanings.values()):
        return types, ()
    return types, [each if meanings[each][1] else None for each in written]


def times_of_column(column: Sequence[object]) -> Sequence[int] | None:
    """Return the milliseconds UTC that members of objects mean; None if one of them is no time."""
    kinds = set(map(type, column))
    if kinds == {int}:
        numbers = cast("Sequence[int]", column)
        if min(numbers) in CREDIBLE and max(numbers) in CREDIBLE:
            return numbers
        if min(numbers) // _NANOSECONDS in CREDIBLE and max(numbers) // _NANOSECONDS in CREDIBLE:
            return [each // _NANOSECONDS for each in numbers]
    if kinds == {float}:
        seconds = cast("Sequence[float]", column)
        if int(min(seconds)) * 1000 in CREDIBLE and int(max(seconds)) * 1000 in CREDIBLE:
            return list(map(milliseconds_of, seconds))
    if kinds == {str}:
        try:
            found = times_of_texts(cast("Sequence[str]", column))
        except ValueError:
            return None
        return found if min(found) in CREDIBLE and max(found) in CREDIBLE else None
    times = list(map(read_time, column))
    return None if None in times else cast("Sequence[int]", times)


def _meanings(
    column: Sequence[object], member: Path, plan: Plan
) -> Mapping[object, tuple[str, bool]] | None:
    """Return type, and whether it says more, of each level that is written in a column."""
    meanings = {}
    if not set(map(type, column)) <= {str, int}:
        return None
    for each in set(column):
        meaning = meaning_of(each, member, plan)
        if meaning is None:
            return None
        meanings[each] = meaning
    return meanings
