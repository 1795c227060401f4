"""Members of a JSON object by name, whether they are nested or written with dots."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

Path = str | tuple[str, ...]
"""A member of the object itself, or the names that lead to one within it."""


def paths_of(
    names: Sequence[str], present: Iterable[str], *, any_case: bool = False
) -> tuple[Path, ...]:
    """Return the paths that objects of a shape may have, in the order of the names.

    Args:
        names: names of members; `log.level` is one of that name, or `level` within `log`.
        present: the members that the objects have.
        any_case: whether members come last that are such a name but for case, dashes and
            underscores.
    """
    members = set(present)
    found: list[Path] = []
    for name in dict.fromkeys(names):
        if name in members:
            found.append(name)
        elif "." in name:
            first, *rest = name.split(".")
            if first in members:
                found.append((first, *rest))
    if any_case:
        bare = _all_bare(tuple(names))
        found += [name for name in present if _bare(name) in bare and name not in names]
    return tuple(found)


@lru_cache(maxsize=500)
def _all_bare(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_bare(name) for name in names if len(name) > 1)


def _bare(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def member_at(value: Mapping[str, object], path: Path) -> object:
    """Return the member at a path; None if there is none."""
    if isinstance(path, str):
        return value.get(path)
    current: object = value
    for name in path:
        if not isinstance(current, Mapping):
            return None
        current = current.get(name)
    return current


def without(value: dict[str, object], path: Path) -> dict[str, object]:
    """Return the object without the member at a path; what becomes empty by that goes too."""
    if isinstance(path, str):
        path = (path,)
    name, *rest = path
    left = {key: each for key, each in value.items() if key != name}
    inner = value.get(name)
    if rest and isinstance(inner, dict) and (kept := without(inner, tuple(rest))):
        return {key: kept if key == name else each for key, each in value.items()}
    return left


def texts(value: Mapping[str, object], names: Sequence[str]) -> list[str]:
    """Return the members of these names that are texts with something in them."""
    found = [member_at(value, path) for path in paths_of(names, value)]
    return [each for each in found if isinstance(each, str) and each]
