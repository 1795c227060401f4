"""A frame that is one plain log: decoded alone, it is what it is among others."""

import json

import msgspec
import pytest

from server.decode.decoded_logs import DecodedLogs
from server.decode.frames import read_frames
from server.decode.lone import read_lone
from server.decode.objects import OBJECTS
from tests.support.stats import stats_of
from waterline.recognition.object_plans import Overrides
from waterline.recognition.objects import ObjectReader
from waterline.records import MAX_DEPTH

PLAIN = {"id": "a", "type": "x", "message": "m", "timestamp": 1_795_514_400_123, "k": [1]}


def ids(times: object) -> list[str]:
    assert times == (1_795_514_400_123,)
    return ["made"]


def lone(log: object, reader: ObjectReader = OBJECTS) -> DecodedLogs | None:
    frame = msgspec.json.encode(log)
    return read_lone(msgspec.json.decode(frame), frame, "pump", ids, ["ms"], reader)


def test_plain_log_needs_no_columns() -> None:
    found = lone(PLAIN)
    assert found is not None
    assert found.rows == b'["a","x",1795514400123,"pump","m",{"k":[1]}]'
    assert (list(found.ids), list(found.types), found.made) == (["a"], ["x"], frozenset())
    assert found.outcomes is None


def test_plain_log_without_id_gets_one_by_its_time() -> None:
    found = lone({**PLAIN, "id": None})
    assert found is not None
    assert (list(found.ids), found.made) == (["made"], frozenset({0}))


@pytest.mark.parametrize(
    "others",
    [
        *(
            {"id": ""},
            {"id": "x" * 129},
            {"id": 7},
            {"type": ""},
            {"type": "x" * 65},
            {"type": None},
        ),
        *({"message": None}, {"timestamp": 1.0}, {"timestamp": True}, {"timestamp": 1_795_514_400}),
        *({"timestamp": "2026-11-23T16:45:01Z"}, {"waterline.log": 7}, {"k": "{" * MAX_DEPTH}),
    ],
)
def test_log_that_may_be_odd_is_left_whole_for_a_closer_look(others: dict[str, object]) -> None:
    value = {**PLAIN, **others}
    frame = msgspec.json.encode(value)
    assert read_lone(value, frame, "pump", ids, ["ms"], OBJECTS) is None
    assert msgspec.json.encode(value) == frame


def test_member_that_a_user_names_is_looked_for_first() -> None:
    assert lone(PLAIN, ObjectReader(Overrides("k", None, None))) is None


@pytest.mark.parametrize("frame", [b"[1]", b"1", b'{"level":30,"time":1795514400123,"msg":"m"}'])
def test_frame_of_another_kind_is_left_for_a_closer_look(frame: bytes) -> None:
    assert read_lone(msgspec.json.decode(frame), frame, "pump", ids, [], OBJECTS) is None


@pytest.mark.parametrize(
    "value", ["1.5", "7", "-0.0", "0", "true", "null", '"7"', "[7]", "1e39", "-1e39", "1" * 400]
)
def test_lone_log_is_measured_as_it_is_among_others(value: str) -> None:
    log = json.dumps(PLAIN)[:-1] + f', "ms": {value}, "other": 1}}'
    (alone,) = stats_of(read_frames([log.encode()], "pump", measured=["ms", "n"])).values()
    (array,) = stats_of(read_frames([f"[{log}]".encode()], "pump", measured=["ms", "n"])).values()
    assert alone == array._replace(size=len(log))
    assert bool(alone.values) == (value in ("1.5", "7", "-0.0", "0"))
