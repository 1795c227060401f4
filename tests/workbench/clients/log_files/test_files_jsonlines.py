"""Lines of JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from waterline.recognition.own_logs import TIMES_OF_OTHERS, is_ours
from workbench.clients.log_files.jsonlines import UnfitLine, own_log, parse_json_line

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@costly(160)
@given(log=st.dictionaries(st.text(), values))
@pytest.mark.slow
def test_an_object_passes_unchanged(log: dict[str, object]) -> None:
    assert parse_json_line(json.dumps(log, ensure_ascii=False).encode()) == log


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "this is no JSON: Input data was truncated"),
        (b"plain text", "this is no JSON: "),
        (b'{"a":1} x', "this is no JSON: "),
        (b'{"a":"\xff"}', "this is no JSON: it is not encoded as UTF-8"),
        (b'{"a":' * 100_000, "this JSON is nested too deep to be read"),
        (b"[{}]", "a log is a JSON object, this is an array"),
        (b'"x"', "a log is a JSON object, this is a string"),
        (b"1", "a log is a JSON object, this is a number"),
        (b"1.5", "a log is a JSON object, this is a number"),
        (b"true", "a log is a JSON object, this is true or false"),
        (b"null", "a log is a JSON object, this is null"),
    ],
)
def test_anything_else_is_refused_with_the_reason(line: bytes, reason: str) -> None:
    with pytest.raises(UnfitLine) as caught:
        parse_json_line(line)
    assert caught.value.reason.startswith(reason)


@given(
    st.dictionaries(
        st.sampled_from(("timestamp", "cluster.name", "level", "x", *sorted(TIMES_OF_OTHERS))),
        st.sampled_from((None, "x", 7, 1_795_514_400_123, "2026-11-24T10:00:00Z", '"time"')),
    )
)
def test_log_of_ours_is_told_as_the_server_tells_it(others: dict[str, object]) -> None:
    log = {"type": "audit", "message": "m", **others}
    line = json.dumps(log)
    escaped = line.replace("time", "\\u0074ime").replace("level", "\\u006cevel")
    assert json.loads(escaped) == log
    assert (own_log(line.encode()) is not None) == is_ours(log)
    assert (own_log(escaped.encode()) is not None) == is_ours(log)
