"""Objects that are logs of our own contract, and those of others that look like them."""

import pytest

from waterline.recognition.objects import recognize_object
from waterline.recognition.own_logs import TIMES_OF_OTHERS, is_ours
from waterline.recognition.recognized import Recognized

MOMENT = 1_795_514_400_123
ISO = "2026-11-24T10:00:00.123Z"


@pytest.mark.parametrize("name", sorted(TIMES_OF_OTHERS))
def test_object_with_its_time_where_others_have_it_is_of_another_program(name: str) -> None:
    value: dict[str, object] = {"type": "shop", name: ISO, "message": "m", "pid": 1}
    assert not is_ours(value)
    assert recognize_object(value) == Recognized("m", MOMENT, "shop", {"pid": 1})
    assert not is_ours({**value, "timestamp": None})


@pytest.mark.parametrize(
    "others",
    [
        {"time": 12.5},
        {"time": "soon"},
        {"ts": None},
        {"time": ISO, "timestamp": MOMENT},
        {"created_at": ISO, "date": ISO, "start_time": ISO},
        {"level": 7},
        {"level": "ERROR"},
        {"cluster.name": "c"},
        {"time": ISO, "id": "a"},
        {"cluster.name": "c", "level": "ERROR", "id": "a"},
    ],
)
def test_attribute_that_is_no_time_of_others_leaves_a_log_ours(others: dict[str, object]) -> None:
    value = {"type": "audit", "message": "m", **others}
    assert is_ours(value)
    rest = {name: each for name, each in others.items() if name != "timestamp"}
    found = recognize_object(value)
    assert (found.type, found.attributes) == ("audit", rest)
    assert found.timestamp == others.get("timestamp")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "info"},
        {"message": "m"},
        {"type": "", "message": "m"},
        {"type": "x" * 65, "message": "m"},
        {"type": 1, "message": "m"},
        {"type": "info", "message": None},
    ],
)
def test_object_without_type_or_message_of_ours_is_not_ours(value: dict[str, object]) -> None:
    assert not is_ours(value)
