"""A range of time, chosen as in Grafana: usual ones, any other as text, and a time zone."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import param

from workbench.dashboard.component import Component

_HERE: Final = Path(__file__).parent

SCRIPT: Final = (_HERE / "time_range.js").read_text(encoding="utf-8")
STYLE: Final = (_HERE / "time_range.css").read_text(encoding="utf-8")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


class TimeRange(Component):
    """Lets somebody choose a range of time and a time zone, in a page or a notebook.

    Examples:
        >>> picker = TimeRange(begin="-1h")
        >>> since, until = picker.bounds()
        >>> pn.bind(show, picker.param.begin, picker.param.end)  # doctest: +SKIP
    """

    begin = param.String(
        default="-15min",
        doc="Begin of the range: a length of time ago such as `-15min`, or ISO 8601 in UTC.",
    )
    end = param.String(default="", doc="End of the range, likewise; empty is now.")
    zone = param.String(default="UTC", doc="IANA name of the zone whose clock is shown.")

    _esm = f"{SCRIPT}\n{(_HERE / 'component.js').read_text(encoding='utf-8')}"
    _stylesheets = [":host { container-type: inline-size; overflow: visible; }", STYLE]  # noqa: RUF012

    def bounds(self, now: datetime | None = None) -> tuple[datetime, datetime]:
        """Return begin and end as moments in UTC.

        Args:
            now: the moment from which lengths of time count; by default the present one.

        Raises:
            ValueError: a text that was set is no moment.
        """
        moment = datetime.now(UTC) if now is None else now
        return _moment(self.begin, moment), _moment(self.end, moment)


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    if not text.startswith("-"):
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    number = text[1:].rstrip("mshdwiny")
    unit = text[1 + len(number) :]
    if unit not in _UNITS:
        raise ValueError(f"{text!r} is no length of time; write -15min, -2h or -7d")
    return now - float(number) * _UNITS[unit]
