"""Which format /metrics has: by parameter, by Accept header, and JSON for everybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.monitoring.exposition import format_for
from server.monitoring.negotiation import accept_for, time_range
from waterline.errors import UsageError

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
OPENMETRICS, TEXT = "application/openmetrics-text; version=1.0.0", "text/plain; version=0.0.4"


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json",
        "application/json, text/plain, */*",
        "text/plain;q=0",
        "text/plain;q=0.1, application/json;q=0.2",
        "text/plain;q=much",
        ";;,,;q=",
    ],
)
def test_other_accept_header_gets_json(accept: str) -> None:
    assert accept_for(None, accept) is None
    assert accept_for("json", PROMETHEUS_3) is None


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_3, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain", TEXT),
        ("TEXT/PLAIN;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        ("application/json;q=0.1, text/plain;q=0.2", TEXT),
        ("text/plain;version=newest", TEXT),
        ("application/openmetrics-text;q=0.1, text/plain;version=0.0.4;q=0.9", TEXT),
        ("application/openmetrics-text;q=0, text/plain", TEXT),
        ("text/plain;q=0.5;version=0.0.4, application/openmetrics-text", OPENMETRICS),
        ("text/plain, application/openmetrics-text", TEXT),
    ],
)
def test_scraper_gets_text_that_it_asks_for(accept: str, content_type: str) -> None:
    wanted = accept_for(None, accept)
    assert wanted is not None
    assert format_for(wanted).content_type.startswith(content_type)


@pytest.mark.parametrize(("chosen", "starts"), [("prometheus", TEXT), ("openmetrics", OPENMETRICS)])
def test_parameter_goes_before_header(chosen: str, starts: str) -> None:
    for accept in ("application/json", PROMETHEUS_3, "text/plain"):
        wanted = accept_for(chosen, accept)
        assert wanted is not None
        assert format_for(wanted).content_type.startswith(starts)


@given(st.text(max_size=60), st.lists(st.sampled_from(PROMETHEUS_3.split(",")), max_size=3))
def test_random_header_is_negotiated(text: str, known: list[str]) -> None:
    wanted = accept_for(None, ",".join([text, *known]))
    if wanted is not None:
        assert format_for(wanted).content_type.startswith(
            ("text/plain", "application/openmetrics-text")
        )


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_random_range_is_parsed_or_refused(since: int, until: int) -> None:
    if since < until:
        assert time_range(str(since), str(until), 0) == (since, until)
    else:
        with pytest.raises(UsageError, match="before"):
            time_range(str(since), str(until), 0)


@given(st.text(max_size=20))
def test_invalid_time_is_refused(text: str) -> None:
    if not (text.isascii() and text.isdigit()):
        with pytest.raises(UsageError, match="milliseconds"):
            time_range(text, None, 10**12)
