"""Lines of Android and of Google's loggers: logcat in all its formats, klog, glog, Chromium."""

from typing import Final

from waterline.recognition.dialect import FORMS, Dialect

_ISO: Final = FORMS["iso"]
_DIGITS: Final = FORMS["digits"]
_EPOCH: Final = FORMS["epoch"]
_MONTH_AND_DAY: Final = FORMS["month_and_day"]
_CLOCK: Final = (
    r"(?P<hour>[01]\d|2[0-3]){0}(?P<minute>[0-5]\d)){0}(?P<second>[0-5]\d|60)"
    r"(?:\.(?P<fraction>\d+))?(?P<half>)(?P<zone>)"
)
# klog and Chromium write month and day as four digits.
_GLUED_DAY: Final = r"(?P<head>(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
_GLUED_YEAR: Final = (
    r"(?P<head>(?P<year>\d{4}|\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
)
_ANDROID: Final = r"(?P<level>[VDIWEFSA])"
_ANDROID_TAG: Final = r"(?P<tag>[^:\s]*+(?:[ ]++[^:\s]++)*+)"
_ANDROID_PROCESS: Final = r" +(?P<pid>\d+)-(?P<tid>\d+)"
_ANDROID_FIELDS: Final = (
    rf" +(?:(?:[a-z]\S*|\d+) +)?(?P<pid>\d+) +(?P<tid>\d+) +{_ANDROID} {_ANDROID_TAG} *+: "
)
_ANDROID_HEADER: Final = (
    r"[\d:]{5}\.\d{3,6}(?:[ ][+-]\d{4})?[ ]+(?:(?:[a-z]\S*|\d+)[ ]+)?\d+[ ]+\d+[ ]+[VDIWEFSA][ ]"
)


ANDROID: Final = (
    Dialect(
        "klog",
        "A",
        r"[IWEF]\d{4}[ ]\d\d:\d\d:\d\d\.",
        rf"(?P<level>[IWEF]){_GLUED_DAY} {_CLOCK.format(':')} +(?P<tid>\d+) ",
        _MONTH_AND_DAY,
    ),
    Dialect(
        "glog",
        "A",
        r"[IWEF]\d{6}(?:\d\d)?[ ]\d\d:\d\d:\d\d\.",
        rf"(?P<level>[IWEF]){_GLUED_YEAR} {_CLOCK.format(':')} +(?P<tid>\d+) ",
        _DIGITS,
    ),
    Dialect(
        "chromium",
        "[",
        r"\[(?:\d+:\d+:)?\d{4}/\d{6}[.:]",
        rf"\[(?:(?P<pid>\d+):(?P<tid>\d+):)?{_GLUED_DAY}/{_CLOCK.format('')}"
        r":(?P<level>[A-Z]+)\d*:(?P<source>[^\]]+)\]",
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat",
        "0",
        rf"\d\d-\d\d[ ]\d\d:{_ANDROID_HEADER}",
        rf"{_MONTH_AND_DAY.core}{_ANDROID_FIELDS}",
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat_year",
        "Y",
        rf"\d{{4}}-\d\d-\d\d[ ]\d\d:{_ANDROID_HEADER}",
        rf"{_ISO.core}{_ANDROID_FIELDS}",
        _ISO,
    ),
    Dialect(
        "logcat_epoch",
        "0",
        r"\d{10}\.\d{3,6}[ ]+\d+[ ]+\d+[ ][VDIWEFSA][ ]",
        rf"{_EPOCH.core}{_ANDROID_FIELDS}",
        _EPOCH,
    ),
    Dialect(
        "logcat_monotonic",
        " ",
        r"[ ]*+\d{1,8}\.\d{3}[ ]+\d+[ ]+\d+[ ][VDIWEFSA][ ]",
        rf" *+\d{{1,8}}\.\d{{3}}{_ANDROID_FIELDS}",
    ),
    Dialect(
        "logcat_long",
        "[",
        r"\[[ ]\d\d-\d\d[ ][\d:.]{12,15}[ ]+\d+:[ ]*\d+[ ][VDIWEFSA]/",
        rf"\[ {_MONTH_AND_DAY.core} +(?P<pid>\d+): *(?P<tid>\d+) {_ANDROID}/"
        r"(?P<tag>[^\]\s]*+(?:[ ]++[^\]\s]++)*+) *+\]",
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat_studio",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]{12}[ ]+\d+-\d+[ ]+\S{1,80}[ ]+\S{1,200}[ ]+[VDIWEFA][ ]{2}",
        rf"{_ISO.core}{_ANDROID_PROCESS} +(?P<tag>\S+) +(?P<package>\S+) +{_ANDROID} ",
        _ISO,
    ),
    Dialect(
        "logcat_studio_before",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]{12}[ ]\d+-\d+/\S+[ ][VDIWEFA]/",
        rf"{_ISO.core}{_ANDROID_PROCESS}/(?P<package>\S+) {_ANDROID}/{_ANDROID_TAG}: ",
        _ISO,
    ),
    Dialect(
        "logcat_process",
        "A",
        r"[VDIWEF]\([ ]*\d+(?::[ ]*\d+)?\)[ ]",
        rf"{_ANDROID}\( *(?P<pid>\d+)(?:: *(?P<tid>\d+))?\) ",
    ),
    Dialect(
        "logcat_tag",
        "A",
        r"(?!I/O|D/A)[VDIWEF]/[\w.$-]{1,80}[ ]*:[ ]",
        rf"{_ANDROID}/(?P<tag>[\w.$-]+)[ ]*:[ ]",
    ),
    Dialect(
        "logcat_time",
        "0",
        r"\d\d-\d\d[ ]\d\d:\d\d:\d\d\.\d{3}[ ][VDIWEFSA]/",
        rf"{_MONTH_AND_DAY.core} {_ANDROID}/(?P<tag>[^(]*?) *\( *(?P<pid>\d+)\): ",
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat_brief",
        "A",
        r"[VDIWEFSA]/[^(:]{1,80}\([ ]*\d+\):",
        rf"{_ANDROID}/(?P<tag>[^(]*?) *\( *(?P<pid>\d+)\): ",
    ),
)
"""Dialects of Android and of Google's loggers."""
