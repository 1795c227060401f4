"""Lines that objects of other programs forward: each is read by itself."""

from collections.abc import Callable

import pytest

from server.decode.objects import read_forwarded_line
from waterline.recognition.recognized import Recognized
from waterline.recognition.syslog_messages import SyslogMessages


def test_line_that_is_forwarded_does_not_change_how_those_of_others_are_read() -> None:
    line = "<13>2026-11-24 10:00:00 ERROR overdrawn"
    alone = read_forwarded_line(line)
    read_forwarded_line("<13>#Fields: date time cs-method sc-status")
    assert read_forwarded_line(line) == alone
    assert alone.type == "error"


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("[03/04/2026 10:00:00] till opened", "[{}/{}/2026 10:00:00] till closed"),
        ("03/04/26 10:00:00 till opened", "{}/{}/26 10:00:00 till closed"),
    ],
)
@pytest.mark.parametrize("read", [read_forwarded_line, SyslogMessages()])
def test_order_of_day_and_month_in_a_line_is_not_that_of_other_senders(
    line: str, other: str, read: Callable[[str], Recognized]
) -> None:
    alone = read(line).timestamp
    for first, second in ((25, 12), (12, 25)):
        assert read(other.format(first, second)).timestamp is not None
        assert read(line).timestamp == alone
