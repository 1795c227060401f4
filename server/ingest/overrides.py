"""Query parameters that name the members of foreign objects: message, time and type."""

from collections.abc import Callable
from functools import lru_cache

from server.decode.objects import OBJECTS, read_forwarded_line
from waterline.recognition.object_plans import Overrides
from waterline.recognition.objects import ObjectReader


def object_reader(argument: Callable[[str, str], str]) -> ObjectReader:
    """Return the reader of objects that a request asks for.

    Args:
        argument: returns a query parameter by its name, or the default given.
    """
    named = (argument(name, "") or None for name in ("message_field", "time_field", "type_field"))
    overrides = Overrides(*named)
    return OBJECTS if overrides == Overrides() else _reader_with(overrides)


@lru_cache(maxsize=100)
def _reader_with(overrides: Overrides) -> ObjectReader:
    return ObjectReader(overrides, read_forwarded_line)
