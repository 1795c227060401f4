"""The ways in which lines write a time: one declaration each, told apart by their beginnings."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from waterline.recognition.time_names import REGION_PATTERN, ZONE_PATTERN


class Lacks(Enum):
    """What a form leaves out of a date."""

    NOTHING = "nothing"
    YEAR = "year"
    DAY = "day"


@dataclass(frozen=True)
class TimeForm:
    """One way to write a time.

    Attributes:
        name: what to call it.
        core: a regular expression with the groups `head` (all down to the minute), `second`,
            `fraction`, `half` (AM or PM) and `zone`, and within `head` of year, month, day, hour
            and minute those that are written; or one with the group `epoch`.
        lacks: what stands in for a part of the date.
        before: what else may stand before it than the fields of any header.
        unpadded: whether the fraction is a number of milliseconds, without zeros before it.
        has_colon: whether it is never without a colon.
    """

    name: str
    core: str
    lacks: Lacks = Lacks.NOTHING
    before: str = ""
    unpadded: bool = False
    has_colon: bool = True

    @cached_property
    def leading(self) -> re.Pattern[str]:
        """Match a line that begins with the time."""
        return re.compile(_OPENING + self.core, re.ASCII)

    @cached_property
    def behind_fields(self) -> re.Pattern[str]:
        """Match a line that has the time behind a few fields that are no sentence."""
        fields = _FIELDS if self.dated else _LEVEL_OR_GROUP
        before = f"(?:{fields}|{self.before})" if self.before else fields
        return re.compile(before + self.core, re.ASCII)

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        """Match the time wherever it stands."""
        return re.compile(self.core, re.ASCII)

    @cached_property
    def counts(self) -> bool:
        """Whether it is a number of seconds or of parts of them."""
        return self.sign != "head"

    @cached_property
    def sign(self) -> str:
        """Name of the group that is there wherever a time is."""
        return next(name for name in ("head", "epoch", "tai") if f"(?P<{name}>" in self.core)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the groups that say all but second and fraction."""
        return tuple(
            name for name in ("head", "half", "zone", "late_year") if f"(?P<{name}>" in self.core
        )

    @cached_property
    def day(self) -> tuple[str, ...]:
        """Names of the groups that say the day, where they alone do."""
        if "(?P<month>" not in self.core:
            return ()
        return tuple(
            name for name in ("day", "month", "year", "late_year") if f"(?P<{name}>" in self.core
        )

    @property
    def dated(self) -> bool:
        """Whether it is told from a number or a duration by the date in it."""
        return "(?P<month>" in self.core or "(?P<first>" in self.core


# Latin and Cyrillic letters, for what months and weekdays are called.
LETTER: Final = "[A-Za-z\u00c0-\u024f\u0400-\u04ff]"
_WEEKDAY: Final = (
    r"(?:(?i:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim)"
    rf"(?:{LETTER}{{2,6}})?\.?,?[ ]{{1,2}})"
)
_MONTH_NAME: Final = rf"(?P<month>{LETTER}{{3,9}})"
_MONTH: Final = r"(?P<month>0[1-9]|1[0-2])"
_DAY: Final = r"(?P<day>0[1-9]|[12]\d|3[01])"
_LOOSE_DAY: Final = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_YEAR: Final = r"(?P<year>\d{4})"
_MINUTE: Final = r"(?P<hour>[01]\d|2[0-4]):(?P<minute>[0-5]\d)"
# Where hours are written without a zero, a blank may stand for it.
_LOOSE_MINUTE: Final = r"(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)"
_FRACTION: Final = r"(?:(?:[.,]|:(?=\d{3}(?!\d|:)))(?P<fraction>\d{1,9})\d*+)?+"
_SECOND: Final = rf":(?P<second>[0-5]\d|60){_FRACTION}"
# Java writes the halves of the day in the words of the machine's language, such as German.
_HALF: Final = r"(?P<half>[ ]?[AaPp](?:\.[ ]?)?[Mm]\b\.?|[ ](?:VORM|NACHM)\.|\u202f[AP]M|)"
# An offset without minutes is told from a negative number by what stands around it.
_ZONE: Final = (
    rf"(?P<zone>[ ]?(?:(?:UTC|GMT)[+-]\d{{1,2}}(?::?[0-5]\d)?(?!\d)|\[?{REGION_PATTERN}\]?"
    rf"|(?:{ZONE_PATTERN})(?![\w./-])|[+-](?:[01]\d|2[0-3]):?[0-5]\d(?!\d)"
    rf"(?:[ ](?:{ZONE_PATTERN})(?![\w./-]))?)"  # Go says the name of the zone, too
    r"|[+-](?:0\d|1[0-4])(?![^\s\])}\"',])"
    r"|[ ][+-](?:0\d|1[0-4])(?=[\]),]|[ ](?:\[|[A-Z]{3}))|)"
)
# A time that goes on as a file name does ("10:05:03.log") is part of that name.
_END: Final = r"(?!\d|\.[A-Za-z])"
_REST: Final = f"{_SECOND}{_HALF}{_ZONE}{_END}"
_NO_ZONE: Final = "(?P<half>)(?P<zone>)"
_CLOCK_OR_MINUTE: Final = rf"(?:{_SECOND})?+{_HALF}{_ZONE}{_END}(?!(?<=\d):\d)"
_TIGHT_REST: Final = rf"(?P<second>[0-5]\d|60){_FRACTION}(?P<half>){_ZONE}{_END}"

TIME_FORMS: Final = (
    TimeForm(
        "iso",
        rf"{_WEEKDAY}?(?P<head>{_YEAR}(?P<separator>[-/.]){_MONTH}(?P=separator){_DAY}"
        r"(?:[Tt_ \t|-]|,?[ ]{1,2}|[ ]-[ ]|\]\[)"
        # Where hours are written without a zero, a blank stands for it.
        rf"(?P<hour>[01]\d|2[0-4]|(?<=[ ][ ])\d):(?P<minute>[0-5]\d)){_CLOCK_OR_MINUTE}",
        # Amazon's network load balancers; what Go's programs are told to put before all lines
        before=r"tls[ ]2\.0[ ]|[\w.-]{1,40}:[ ](?=\d{4}/)",
    ),
    TimeForm(
        "east_asian",  # the signs of year, month and day behind each
        rf"(?P<head>{_YEAR}\u5e74[ ]?(?P<month>\d{{1,2}})\u6708[ ]?(?P<day>\d{{1,2}})\u65e5[ ]?"
        rf"{_LOOSE_MINUTE}){_REST}",
    ),
    TimeForm(
        "iso_dots",  # Blue Gene: 2005-06-03-15.42.50.363779; Unreal: 2026.11.24-10.00.00:123
        rf"(?P<head>{_YEAR}(?P<separator>[-.]){_MONTH}(?P=separator){_DAY}[- ]"
        r"(?P<hour>[01]\d|2[0-3])(?P<stop>[.-])(?P<minute>[0-5]\d))"
        rf"(?P=stop)(?P<second>[0-5]\d|60){_FRACTION}(?P<half>){_ZONE}{_END}",
        has_colon=False,
    ),
    TimeForm(
        "day_and_month",  # in either order: 24.11.2026, 11/24/2026, 24-11-2026
        r"(?P<head>(?P<first>\d{1,2})(?P<separator>[-/.])(?P<other>\d{1,2})(?P=separator)"
        rf"{_YEAR}(?:[T, ][ ]?|[ ]--?[ ]|-){_LOOSE_MINUTE}){_CLOCK_OR_MINUTE}",
        before=r"L[ ]",  # servers of Valve's games
    ),
    TimeForm(
        "short_year",  # 26/11/24 or 11/24/26
        r"(?P<head>(?P<first>\d\d|\d(?=/))(?P<separator>[-/.])(?P<other>\d\d|\d(?=/))(?P=separator)"
        r"(?P<last>\d\d)"
        rf"(?:,?[ ]|,){_LOOSE_MINUTE}){_REST}",
    ),
    TimeForm(
        "month_and_day",  # logcat, Proxifier, Geth: 11-24 10:00:00, 10.30 16:49:06, 11-24|10:00:00
        rf"(?P<head>{_MONTH}[-./]{_DAY}[ |-]{_MINUTE}){_REST}",
        Lacks.YEAR,
    ),
    TimeForm(
        "year_first",  # 2026 Nov 24 10:00:00, 2026-Nov-24 10:00:00
        rf"(?P<head>{_YEAR}[- ]{_MONTH_NAME}[- ]{_LOOSE_DAY}[ T]{_LOOSE_MINUTE}){_REST}",
    ),
    TimeForm(
        "month_name",  # syslog, ctime, Cisco, java.util.logging
        rf"{_WEEKDAY}?(?P<head>{_MONTH_NAME}\.?[ ]{{1,2}}{_LOOSE_DAY},?[ ]{{1,2}}"
        rf"(?:{_YEAR},?[ ])?+{_LOOSE_MINUTE})"
        rf"{_SECOND}{_HALF}{_ZONE}(?:[ ](?P<late_year>\d{{4}})(?!\d))?+{_END}",
        Lacks.YEAR,
    ),
    TimeForm(
        # 24/Nov/2026:10:00:00 +0000, 24 Nov 2026 10:00:00, 24. Mai 2026 10:00:00, 24Nov2026
        "day_first",
        rf"{_WEEKDAY}?(?P<head>{_LOOSE_DAY}(?:\.[ ]|[-/ .]|(?=[A-Z])){_MONTH_NAME}\.?"
        r"(?:(?:[-/ ]|(?<=[a-z])(?=\d{4}[ ]))(?P<year>\d{4}|\d\d(?=[ ])))?+(?:::?|[ ])"
        rf"{_LOOSE_MINUTE}){_REST}",
        Lacks.YEAR,
        # Client and user of an access log, also of a line that is cut off.
        before=r"[^\s\[\]\"]+[ ][^\[\]\"]{1,200}\[",
    ),
    TimeForm(
        "digits",  # 081109 203615, 261124  9:05:00, 20171223-22:15:29:606, 20261124T100000Z
        r"(?P<head>(?P<year>\d{4}|\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
        r"(?:[-T_: ]|[ ](?=[ ]?\d:))[ ]?(?P<hour>[01]\d|2[0-3]|\d(?=:)):?(?P<minute>[0-5]\d))"
        rf":?{_TIGHT_REST}",
        has_colon=False,
    ),
    TimeForm(
        "unpadded",  # Huawei's HealthApp: 20171224-0:7:5:42
        rf"(?P<head>(?P<year>\d{{4}}){_MONTH}{_DAY}-(?P<hour>\d{{1,2}}):(?P<minute>\d{{1,2}}))"
        r":(?P<second>\d{1,2}):(?P<fraction>\d{1,3})(?P<half>)(?P<zone>)(?=\|)",
        unpadded=True,
    ),
    TimeForm(
        "digits_14",  # 20261124100000
        r"(?P<head>(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
        r"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d))" + _TIGHT_REST,
        has_colon=False,
    ),
    TimeForm(
        "epoch",
        r"(?P<epoch>\d{12,13}|\d{15,16}|\d{18,19}|\d{9,10}(?:\.\d{1,9}|[ ]\d{6}(?=[ ]))?+"
        r"|\d\.\d{6,15}e\+09)(?=[\s\])>|,;]|:\s)",  # zap writes 1.795514400123e+09
        has_colon=False,
    ),
    TimeForm(
        "clock",
        # With nine digits behind the second and one before it is the time since a start.
        r"(?!\d:\d\d:\d\d\.\d{9})(?=\d?\d:\d\d(?::\d|[ ]?[AaPp][Mm]\b))"
        rf"(?P<head>{_LOOSE_MINUTE}){_CLOCK_OR_MINUTE}",
        Lacks.DAY,
    ),
    TimeForm("tai64n", r"@(?P<tai>4[0-9a-f]{23})(?=\s)", has_colon=False),
)
"""All forms. No line fits two of them."""

# What may be opened before the time, also by WebLogic, and Cisco's marks for a clock not set.
_OPENING: Final = r"(?:####)?[\s\"'\[({<*.]*+"
_LABEL: Final = (
    r"(?:\#[ ])?(?:[\w.-]{1,40}:[ ])?(?i:(?:(?:start|end|begin|finish|event|log|request)[ _-]?)?"
    r"(?:time|date|timestamp|datetime|ts)|log[ ](?:started|ended))[:=][ ]*"
)
# Each field is a name with a digit or a mark in it, a level or a group in brackets: no field is
# taken from a sentence.
_FIELD: Final = (
    r"(?:\[[^\[\]]{0,100}\]|\([^()]{0,100}\)|<[^<>]{0,100}>|\{[^{}\"]{0,100}\}"
    r"|[A-Z]{3,11}(?![\w.=])|[A-Z](?=,|[ ]\d)|[-*|](?=\s)"
    r"|[A-Za-z_][\w.$/@-]*+(?=:\S)"
    r"|(?!\d{9})(?=[A-Za-z]*[\d._/@$-])[\w.$@/#+%-]++(?::[A-Za-z]\w*+)?+(?=[\s|:,\[\"]))"
)
_LEVEL_OR_GROUP: Final = (
    r"\s*+(?:(?:\[[^\[\]]{0,100}\]|<[a-z]{3,9}>|[A-Z]{3,11}(?![\w.=]))"
    r"[\s|:,-]*+){1,2}?[\s\"'\[({<]*+"
)
_FIELDS: Final = rf"\s*+(?:{_LABEL}|(?:{_FIELD}[\s|:,;-]*+){{1,4}}?(?:{_LABEL})?)[\s\"'\[({{<]*+"
