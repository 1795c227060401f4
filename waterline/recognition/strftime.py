"""Forms of times out of strftime's directives, as lnav's format files and others write them."""

import re
from typing import Final

from waterline.recognition.time_forms import LETTER, Lacks, TimeForm
from waterline.recognition.time_names import ZONE_PATTERN

_ZONE: Final = rf"(?P<zone>(?:{ZONE_PATTERN})|[+-]\d\d(?::?\d\d)?)"
_DIRECTIVES: Final = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<year>\d\d)",
    "m": r"(?P<month>\d\d?)",
    "d": r"[ ]?(?P<day>\d\d?)",
    "e": r"[ ]?(?P<day>\d\d?)",
    "b": rf"(?P<month>{LETTER}{{3,9}})\.?",
    "H": r"(?P<hour>\d\d?)",
    "k": r"[ ]?(?P<hour>\d\d?)",
    "I": r"(?P<hour>\d\d?)",
    "l": r"[ ]?(?P<hour>\d\d?)",
    "M": r"(?P<minute>[0-5]\d)",
    "S": r"(?P<second>[0-5]\d|60)",
    "L": r"(?P<fraction>\d{3})",
    "f": r"(?P<fraction>\d{1,6})",
    "N": r"(?P<fraction>\d{1,9})",
    "p": r"(?P<half>[AaPp][Mm])",
    "z": _ZONE,
    "Z": _ZONE,
    "s": r"(?P<epoch>\d{9,10}(?:\.\d{1,9})?)",
    "i": r"(?P<epoch>\d{12,13})",
    "6": r"(?P<epoch>\d{15,16})",
    "9": r"(?P<epoch>\d{18,19})",
    "a": rf"{LETTER}{{2,9}}\.?",
    "n": r"\s",
    "t": r"\s",
    "%": "%",
}
_SAME: Final = {"B": "b", "h": "b", "A": "a"}
_COMPOSED: Final = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "r": "%I:%M:%S %p",
    "c": "%a %b %e %H:%M:%S %Y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
_DIRECTIVE: Final = re.compile(r"%[-_0^#]?(?:[369](?=[NLf]))?(.)", re.DOTALL)
_NEEDED: Final = ("half", "zone", "second", "fraction")


def form_of(written: str) -> TimeForm:
    """Return the form of times that strftime would write by these directives.

    Args:
        written: such as `%Y-%m-%d %H:%M:%S.%f`; also lnav's `%L`, `%N`, `%i`, `%6` and `%s`.

    Raises:
        ValueError: a directive is unknown, is given twice, or what is given makes no time.
    """
    spelled = _DIRECTIVE.sub(lambda found: _COMPOSED.get(found[1], found[0]), written)
    core, position = "", 0
    for found in _DIRECTIVE.finditer(spelled):
        directive = _SAME.get(found[1], found[1])
        if directive not in _DIRECTIVES:
            raise ValueError(f"{found[0]} is no directive that is known")
        core += _literal(spelled[position : found.start()]) + _DIRECTIVES[directive]
        position = found.end()
    core += _literal(spelled[position:])
    missing = "".join(f"(?P<{name}>)" for name in _NEEDED if f"(?P<{name}>" not in core)
    if "(?P<epoch>" not in core:
        core = f"(?P<head>{core}{missing})"
    try:
        groups = re.compile(core).groupindex
    except re.error as error:
        raise ValueError(f"'{written}' gives something twice") from error
    if "epoch" in groups:
        return TimeForm(written, core)
    if not {"hour", "minute"} <= groups.keys():
        raise ValueError(f"'{written}' has no hour and minute")
    if "year" in groups and "month" in groups and "day" in groups:
        return TimeForm(written, core)
    lacks = Lacks.YEAR if {"month", "day"} <= groups.keys() else Lacks.DAY
    return TimeForm(written, core, lacks)


def _literal(text: str) -> str:
    # A blank in strptime stands for any number of them.
    return re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(text))
