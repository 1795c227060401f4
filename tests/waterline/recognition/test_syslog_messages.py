"""Messages of syslog over a network: what each says, without the header before it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.recognition.syslog_messages import FACILITIES, SyslogMessages

MOMENT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MS = int(MOMENT.timestamp() * 1000)
read = SyslogMessages()


@pytest.mark.parametrize(
    ("text", "message", "type_", "timestamp", "attributes"),
    [
        pytest.param(
            '<165>1 2026-11-24T10:00:00.123Z web app 42 ID47 [a@1 k="v\\""] \ufeffAn event',
            "An event",
            "info",
            MS + 123,
            {
                "facility": "local4",
                "level": "notice",
                "host": "web",
                "program": "app",
                "pid": 42,
                "message_id": "ID47",
                "structured_data": {"a@1": {"k": 'v"'}},
            },
            id="RFC 5424",
        ),
        pytest.param(
            "<13>1 - - - - - - on\ntwo lines",
            "on\ntwo lines",
            "info",
            None,
            {"facility": "user", "level": "notice"},
            id="RFC 5424 of two lines that says nothing else",
        ),
        pytest.param(
            "<14>1 2026-11-24T10:00:00+00:00 web app - - -  a space of rsyslog's",
            "a space of rsyslog's",
            "info",
            MS,
            {"facility": "user", "host": "web", "program": "app"},
            id="rsyslog's RFC 5424",
        ),
        pytest.param(
            "<14>Nov 24 10:00:00 web drawer is stuck",
            "drawer is stuck",
            "info",
            MS,
            {"facility": "user", "host": "web"},
            id="log4j, without a program",
        ),
        pytest.param(
            '<14>Nov 24 10:00:00 web shop[7] {"level":"warn","msg":"stuck","till":3}',
            "stuck",
            "warning",
            MS,
            {"facility": "user", "host": "web", "program": "shop", "pid": 7, "till": 3},
            id="a program without its colon",
        ),
        pytest.param(
            "<14>Nov 24 10:00:00 ERROR stuck",
            "Nov 24 10:00:00 ERROR stuck",
            "error",
            MS,
            {"facility": "user"},
            id="a level is no host",
        ),
        pytest.param(
            "<34>1 2026-11-24T11:00:00+01:00 web su - - -",
            "<34>1 2026-11-24T11:00:00+01:00 web su - - -",
            "error",
            MS,
            {"facility": "auth", "level": "crit", "host": "web", "program": "su"},
            id="RFC 5424 without a message",
        ),
        pytest.param(
            "<11>2026-11-24T10:00:00.5+00:00 web app[3]: boom",
            "boom",
            "error",
            MS + 500,
            {"facility": "user", "host": "web", "program": "app", "pid": 3},
            id="RFC 3164 with a precise time",
        ),
        pytest.param(
            "<190>12: *Nov 24 2026 10:00:00.123: %LINK-3-UPDOWN: down",
            "*Nov 24 2026 10:00:00.123: %LINK-3-UPDOWN: down",
            "error",
            MS + 123,
            {"facility": "local7"},
            id="Cisco",
        ),
        pytest.param(
            "<12>orders: no stock",
            "orders: no stock",
            "warning",
            None,
            {"facility": "user"},
            id="Python's handler",
        ),
        pytest.param(
            '<14>2026-11-24T10:00:00+00:00 web app: {"level":"error","msg":"no stock","shop":1}',
            "no stock",
            "error",
            MS,
            {"facility": "user", "host": "web", "program": "app", "shop": 1},
            id="JSON behind a header",
        ),
        pytest.param(
            "<13>#Fields: date time", "#Fields: date time", "info", None, None, id="a directive"
        ),
        pytest.param("<13>1 more", "<13>1 more", "info", None, None, id="damaged RFC 5424"),
        pytest.param("<13>", "<13>", "info", None, None, id="a priority alone"),
        pytest.param("no priority", "no priority", None, None, {}, id="no priority"),
        pytest.param("<1234>x", "<1234>x", None, None, {}, id="no priority of three digits"),
        pytest.param("<999>x", "x", "debug", None, {}, id="no such facility"),
    ],
)
def test_message_is_read_without_its_header(
    text: str,
    message: str,
    type_: str | None,
    timestamp: int | None,
    attributes: dict[str, object] | None,
) -> None:
    found = read(text)
    assert (found.message, found.type, found.timestamp) == (message, type_, timestamp)
    if attributes is not None:
        assert found.attributes == attributes


@pytest.mark.parametrize("facility", range(24))
def test_facility_has_the_name_of_its_number(facility: int) -> None:
    found = read(f"<{facility * 8 + 6}>x")
    assert (found.type, found.attributes) == ("info", {"facility": FACILITIES[facility]})
    assert FACILITIES[16:] == tuple(f"local{number}" for number in range(8))


def test_time_without_year_is_of_last_twelve_months_in_the_given_zone() -> None:
    zone = ZoneInfo("Asia/Tokyo")
    now = datetime.now(zone).replace(microsecond=0)
    for moment in (now, now - timedelta(days=200)):
        found = SyslogMessages(zone)(f"<13>{moment:%b %e %H:%M:%S} web app: x")
        assert found.timestamp == moment.timestamp() * 1000
        assert found.message == "x"


def test_message_of_one_sender_does_not_change_how_others_are_read() -> None:
    line = "<13>Nov 24 10:00:00 web app[3]: 1,2"
    alone = SyslogMessages()(line)
    after = SyslogMessages()
    for each in ("#Fields: a b", "<13>#Fields: a b", "a,b,c", "<13>time,level,message", '{"a":1}'):
        after(each)
    assert after(line) == alone


@given(st.text(max_size=300) | st.text('<>0123456789 1-[]"\\=:NovT.Z{}', max_size=60))
def test_any_text_is_a_message_of_which_nothing_is_lost_but_its_header(text: str) -> None:
    found = read(text)
    assert found.message in text or text.startswith(("{", "<"))
    assert found.type in {None, "trace", "debug", "info", "warning", "error"}
