"""Lines that objects of other programs forward: each is read by itself."""

from server.decode.objects import read_forwarded_line


def test_line_that_is_forwarded_does_not_change_how_those_of_others_are_read() -> None:
    line = "<13>2026-11-24 10:00:00 ERROR overdrawn"
    alone = read_forwarded_line(line)
    read_forwarded_line("<13>#Fields: date time cs-method sc-status")
    assert read_forwarded_line(line) == alone
    assert alone.type == "error"
