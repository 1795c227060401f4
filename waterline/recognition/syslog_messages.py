"""Messages of syslog as they come over a network: RFC 5424 and 3164, without the header."""

import re
from datetime import UTC, datetime, tzinfo
from time import monotonic
from typing import Final

import msgspec

from waterline.recognition.levels import type_of_syslog
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.syslog import BARE_HEADER, message_in

FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
"""Names of the facilities, by number."""
# Severities that say more than the type.
_LEVELS: Final = {0: "emerg", 1: "alert", 2: "crit", 5: "notice"}
# Cisco's devices put a number before the time.
_PRIORITY: Final = re.compile(r"<(?P<number>\d{1,3})>(?:(?=1 \S)| *+(?:\d+: )?)")
_AN_HOUR: Final = 3600.0


class SyslogMessages:
    """Reads messages of many senders, each by itself.

    Args:
        timezone: the zone of times that name none.
    """

    def __init__(self, timezone: tzinfo = UTC) -> None:
        self._timezone = timezone
        self._until = 0.0
        self._lines: Recognizer | None = None

    def __call__(self, text: str) -> Recognized:
        """Return what a message says; a time without its year is of the last twelve months.

        The priority, the time, host and program that stand before a message are attributes alone.
        """
        priority = _PRIORITY.match(text)
        if priority is None:
            return self._content(text)
        content = text[priority.end() :]
        if content.startswith("1 "):
            # Only with its priority is a message of RFC 5424 told from other lines.
            found = self._content(text)
            # rsyslog's own template puts a space before a message that came with one.
            found = msgspec.structs.replace(found, message=found.message.removeprefix(" "))
        else:
            found = self._content(content, behind_priority=True)
        facility, severity = divmod(int(priority["number"]), 8)
        more: dict[str, object] = {}
        if facility < len(FACILITIES):
            more["facility"] = FACILITIES[facility]
        meant = type_of_syslog(severity)
        type_ = found.type or meant
        if severity in _LEVELS and type_ == meant:
            more["level"] = _LEVELS[severity]
        message = found.message or text
        return Recognized(message, found.timestamp, type_, more | found.attributes)

    def _content(self, text: str, *, behind_priority: bool = False) -> Recognized:
        recognizer = self._recognizer()
        found = recognizer.special(text)
        if found is not None:
            message = message_in(text) if found.message == text else found.message
        elif behind_priority and (found := BARE_HEADER.read(text, recognizer)):
            message = BARE_HEADER.part(text, "rest") or text
        else:
            return recognizer.plain(text, headed=True)
        if message[:1] == "{" and (inner := recognizer.inner(message)):
            message = inner.message
        return msgspec.structs.replace(found, message=message)

    def _recognizer(self) -> Recognizer:
        now = monotonic()
        if self._lines is None or now > self._until:
            self._until = now + _AN_HOUR
            self._lines = Recognizer(
                reference=datetime.now(UTC), timezone=self._timezone, mixed=True
            )
        return self._lines
