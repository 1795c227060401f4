"""Dialects that users bring along, in lnav's form."""

import json
from datetime import UTC, datetime

import pytest

from waterline.errors import UsageError
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.user_formats import parse_formats

REFERENCE = datetime(2026, 11, 24, 12, tzinfo=UTC)
# As lnav's documents have it, for a program of nobody's.
SHOP = {
    "$schema": "https://lnav.org/schemas/format-v1.schema.json",
    "shop_log": {
        "title": "Shop",
        "regex": {
            "sale": {
                "pattern": r"^@(?<timestamp>\d+ \w+ \d+ \d+:\d+:\d+\.\d+) (?<grade>\w+) "
                r"\{(?<till>\d+)\} (?<body>.*)$"
            },
            "short": {"pattern": r"^@(?<timestamp>\d+:\d+:\d+) (?<body>.*)$"},
        },
        "timestamp-format": ["%d %b %Y %H:%M:%S.%L", "%H:%M:%S"],
        "level-field": "grade",
        "level": {"error": "BAD|WORSE", "warning": "SO", "fatal": "WORST"},
        "value": {"till": {"kind": "integer", "identifier": True}},
        "sample": [{"line": "@24 Nov 2026 10:00:00.123 BAD {7} drawer stuck"}],
    },
}


def read(line: str, formats: object) -> Recognized:
    known = parse_formats(json.dumps(formats), "shop.json")
    return Recognizer(reference=REFERENCE, formats=known).line(line)


def test_format_from_outside_reads_time_level_message_and_attributes() -> None:
    assert read("@24 Nov 2026 10:00:00.123 BAD {7} drawer stuck", SHOP) == Recognized(
        "drawer stuck", 1_795_514_400_123, "error", {"till": 7}
    )
    assert read("@24 Nov 2026 10:00:00.500 WORST {7} x", SHOP).attributes == {
        "till": 7,
        "level": "fatal",
    }


def test_format_has_several_patterns_and_forms_of_times() -> None:
    assert read("@10:00:00 x", SHOP) == Recognized("x", 1_795_514_400_000, None, {})


def test_line_that_no_format_fits_is_read_as_always() -> None:
    line = "2026-11-24 10:00:00 WARN x"
    assert read(line, SHOP) == Recognizer(reference=REFERENCE).line(line)


def test_format_wins_over_the_dialects() -> None:
    formats = {"mine": {"regex": {"a": {"pattern": r"^level=(?<level>\w+) (?<body>.*)$"}}}}
    assert read("level=warn msg=x", formats) == Recognized("msg=x", None, "warning", {})


def test_format_without_fields_of_lnav_names_its_own() -> None:
    formats = {
        "mine": {
            "regex": {"a": {"pattern": r"^(?<at>\d+);(?<sev>\w+);(?<what>.*)$"}},
            "timestamp-field": "at",
            "timestamp-divisor": 1000,
            "level-field": "sev",
            "body-field": "what",
        }
    }
    assert read("1795514400123;warn;x", formats) == Recognized(
        "x", 1_795_514_400_123, "warning", {}
    )


def test_format_of_json_names_the_members() -> None:
    formats = {
        "mine": {
            "json": True,
            "timestamp-field": "wann",
            "timestamp-format": ["%Y-%m-%dT%H:%M:%S.%f"],
            "level-field": "stufe",
            "body-field": "was",
        }
    }
    line = '{"wann":"2026-11-24T10:00:00.123","stufe":"ERROR","was":"x","a":1}'
    assert read(line, formats) == Recognized("x", 1_795_514_400_123, "error", {"a": 1})
    assert read('{"msg":"y","level":"warn"}', formats).message == "y"


@pytest.mark.parametrize(
    ("written", "line", "expected"),
    [
        ("%s", "1795514400", 1_795_514_400_000),
        ("%i", "1795514400123", 1_795_514_400_123),
        ("%6", "1795514400123456", 1_795_514_400_123),
        ("%Y-%m-%dT%H:%M:%S.%N%z", "2026-11-24T11:00:00.123456789+01:00", 1_795_514_400_123),
        ("%e/%b/%y %l:%M:%S %p", "24/Nov/26 10:00:00 AM", 1_795_514_400_000),
        ("%A, %B %d, %Y %R", "Tuesday, November 24, 2026 10:00", 1_795_514_400_000),
        ("%b %d %T", "Nov 24 10:00:00", 1_795_514_400_000),
        ("%F %T,%L", "2026-11-24 10:00:00,123", 1_795_514_400_123),
    ],
)
def test_directives_of_times(written: str, line: str, expected: int) -> None:
    formats = {
        "mine": {
            "regex": {"a": {"pattern": "^@(?<timestamp>[^|]*)[|](?<body>.*)$"}},
            "timestamp-format": [written],
        }
    }
    assert read(f"@{line}|x", formats) == Recognized("x", expected, None, {})


def wrong(**changes: object) -> dict[str, object]:
    regex = {"a": {"pattern": "^(?<timestamp>\\S+) (?<body>.*)$"}}
    return {"mine": {"regex": regex, **changes}}


@pytest.mark.parametrize(
    ("formats", "reason"),
    [
        ([], "shop.json is no object of formats by name, as lnav reads them"),
        ({}, "shop.json has no format; lnav's documents show how to write one"),
        ({"mine": 1}, "format mine of shop.json is no object with `regex` and `timestamp-format`"),
        ({"mine": {}}, "format mine of shop.json lacks `regex`, an object of patterns"),
        ({"mine": {"regex": {"a": {}}}}, "regex a of format mine of shop.json has no `pattern`"),
        (
            {"mine": {"regex": {"a": {"pattern": "("}}}},
            "regex a of format mine of shop.json is no regular expression of Python: ",
        ),
        (
            {"mine": {"regex": {"a": {"pattern": "x"}}}},
            "regex a of format mine of shop.json names no group, as in (?<timestamp>...)",
        ),
        (
            wrong(**{"timestamp-format": ["%Q"]}),
            "`timestamp-format` of format mine of shop.json cannot be read: %Q is no directive",
        ),
        (
            wrong(**{"timestamp-format": ["%Y %Y"]}),
            "`timestamp-format` of format mine of shop.json cannot be read: '%Y %Y' gives",
        ),
        (
            wrong(**{"timestamp-format": ["%Y"]}),
            "`timestamp-format` of format mine of shop.json cannot be read: '%Y' has no hour",
        ),
        (
            wrong(**{"timestamp-format": 5}),
            "`timestamp-format` of format mine of shop.json is no list",
        ),
        (
            wrong(**{"timestamp-divisor": 0}),
            "`timestamp-divisor` of format mine of shop.json is no",
        ),
        (wrong(level={"bad": "x"}), "format mine of shop.json has a level bad; lnav has error"),
        (wrong(level={"error": "["}), "level error of format mine of shop.json is no regular"),
        (wrong(level=5), "`level` of format mine of shop.json is no object"),
        (wrong(value=5), "`value` of format mine of shop.json is no object"),
        (wrong(sample=5), "`sample` of format mine of shop.json is no list"),
        (wrong(sample=[{}]), "sample 1 of format mine of shop.json has no `line`"),
        (
            wrong(sample=[{"line": "x"}]),
            "no regex of format mine of shop.json matches its sample 1",
        ),
    ],
)
def test_format_that_does_not_fit_is_refused_with_what_is_wrong(
    formats: object, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse_formats(json.dumps(formats), "shop.json")
    assert str(caught.value).startswith(reason)


def test_file_that_is_no_json_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^shop\.json is no JSON: "):
        parse_formats("{", "shop.json")
