"""Logs of a program as they are sent: in our own contract, with an id, as JSON."""

from collections.abc import Mapping
from typing import Final

import uuid_utils

from waterline.recognition.objects import ObjectReader
from waterline.recognition.own_logs import is_envelope, is_ours
from waterline.records import MAX_ID_LENGTH, log_of, says_nothing
from workbench.clients.json_values import encode_log, to_json

_OBJECTS: Final = ObjectReader()


def encoded(log: Mapping[str, object]) -> tuple[str, bytes]:
    """Return the id of a log, made if it has none, and the log as JSON.

    Raises:
        UsageError: the log has no JSON.
    """
    log = to_json(log)
    if not is_ours(log):
        log = _as_ours(log)
    log_id = log.get("id")
    if log_id is not None:
        return str(log_id), encode_log(log)
    made = str(uuid_utils.uuid7())
    if "id" in log or not log:
        log = {"id": made, **{key: log[key] for key in log if key != "id"}}
        return made, encode_log(log)
    return made, b'{"id":"%b",%b' % (made.encode(), encode_log(log)[1:])


def _as_ours(log: Mapping[str, object]) -> Mapping[str, object]:
    """Return an object as other programs write logs in our own contract; its `id` is the log's."""
    if is_envelope(log) or says_nothing(log):
        return log
    log_id = log.get("id")
    members = {name: value for name, value in log.items() if name != "id"}
    if not isinstance(log_id, str) or not 0 < len(log_id) <= MAX_ID_LENGTH:
        log_id, members = str(uuid_utils.uuid7()), dict(log)
    try:
        return log_of(_OBJECTS.read(members), log_id)
    except RecursionError:
        return log  # too deep, as whoever encodes it will say
