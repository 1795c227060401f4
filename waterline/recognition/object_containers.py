"""Objects that hold several logs of other programs: what is in them, one object a log."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from waterline.recognition.object_shapes import Members, merged, otel_record, plain_attributes

# Bytes that repeating what logs share may take: no more than a message may have.
MOST_REPEATED: Final = 16 * 2**20

_encode: Final = msgspec.json.Encoder().encode
_Unpack = Callable[[Mapping[str, object]], Iterator[Members]]


class _Otherwise(Exception):
    """The object is of another kind after all."""


def unpacked(value: Mapping[str, object]) -> Sequence[Members] | None:
    """Return the logs that an object holds, each with what the object says of all of them.

    None if the object is a log itself. What the logs share is repeated in each; where that would
    take more than `MOST_REPEATED`, the object stays one log.

    Raises:
        RecursionError: it is nested hundreds of levels deep.
    """
    for mark, unpack in _CONTAINERS.items():
        if mark in value:
            try:
                return list(unpack(value)) or None
            except _Otherwise:
                return None
    return None


def _otlp(value: Mapping[str, object]) -> Iterator[Members]:
    """OTLP/JSON, as OpenTelemetry's collector writes it into files."""
    left = MOST_REPEATED
    for of_resource in _objects(value["resourceLogs"]):
        resource = _attributes_of(of_resource.get("resource"))
        for of_scope in _objects(of_resource.get("scopeLogs", of_resource.get("scope_logs"))):
            scope = of_scope.get("scope")
            named = {"scope": scope["name"]} if isinstance(scope, dict) and "name" in scope else {}
            inherited = {**resource, **_attributes_of(scope), **named}
            records = _objects(of_scope.get("logRecords"))
            left = _left(left, inherited, records)
            for record in records:
                yield merged(otel_record(record), inherited)


def _attributes_of(value: object) -> Members:
    return plain_attributes(value.get("attributes")) if isinstance(value, dict) else {}


def _listed(member: str) -> _Unpack:
    """Return what unpacks a list of logs, and gives each the other members."""

    def unpack(value: Mapping[str, object]) -> Iterator[Members]:
        shared = {name: each for name, each in value.items() if name != member}
        records = _objects(value[member])
        _left(MOST_REPEATED, shared, records)
        for each in records:
            yield merged(each, shared)

    return unpack


def _left(left: int, shared: Members, records: Sequence[Members]) -> int:
    """Return the bytes that are left to repeat once records have what they share."""
    left -= len(_encode(shared)) * len(records)
    if left < 0:
        raise _Otherwise
    return left


def _objects(value: object) -> Sequence[Members]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _Otherwise
    return value


_CONTAINERS: Final[Mapping[str, _Unpack]] = {
    "resourceLogs": _otlp,
    "logEvents": _listed("logEvents"),  # CloudWatch's subscriptions
    "Records": _listed("Records"),  # CloudTrail's files
    "records": _listed("records"),  # Azure's event hubs
}
CONTAINERS: Final = frozenset(_CONTAINERS)
"""Members of which one is in every object that holds several logs."""
