"""Names of attributes that may be paths: `http.status_code` is a member of the object `http`.

The attribute that is called so goes first. Only where a log has none, each dot is a step into an
object.
"""

from collections.abc import Mapping
from typing import Any, Final

MOST_STEPS: Final = 10
"""Greatest number of steps of a path; what has more dots is the name of an attribute alone."""


def steps_of(name: str) -> tuple[str, ...]:
    """Return the steps of a path; none if the name can be no path."""
    steps = tuple(name.split("."))
    return steps if 1 < len(steps) <= MOST_STEPS else ()


def lookup(attributes: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of an attribute or a path; None if there is none, or null."""
    if name in attributes:
        return attributes[name]
    steps = steps_of(name)
    return member_of(attributes.get(steps[0]), steps[1:]) if steps else None


def member_of(value: object, steps: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
    """Return what lies at steps below a value; None if nothing does."""
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value
