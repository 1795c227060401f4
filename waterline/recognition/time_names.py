"""Names in times: months in the languages of logs, and zones that mean one offset."""

from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS: Final = {
    1: "jan january januar janv janvier ene enero gen gennaio janeiro januari sty янв января",
    2: "feb february februar févr fév fevr février febrero febbraio fev fevereiro februari lut фев",
    3: "mar march mär mrz märz maerz mars marzo março mrt maart мар марта",
    4: "apr april avr avril abr abril aprile kwi апр апреля",
    5: "may mai mayo mag maggio maio mei maj мая май",
    6: "jun june juni juin junio giu giugno junho cze июн июня",
    7: "jul july juli juil juillet julio lug luglio julho lip июл июля",
    8: "aug august août aout ago agosto augustus sie авг августа",
    9: "sep sept september septembre septiembre set settembre setembro wrz сен сентября",
    10: "oct october okt oktober octobre octubre ott ottobre out outubro paź окт октября",
    11: "nov november novembre noviembre novembro lis ноя ноября",
    12: "dec december dez dezember déc décembre dic diciembre dicembre dezembro gru дек декабря",
}
MONTHS: Final[Mapping[str, int]] = {
    spelling: number
    for number, names in _MONTHS.items()
    for name in names.split()
    for spelling in (name, name.capitalize(), name.upper())
}
"""Number of a month by its name, as it may be written."""

# In minutes. What means two zones to two readers is left out: CST, IST, BST, AST.
_ZONES: Final = {
    0: "Z z UTC GMT UT WET",
    60: "CET MET MEZ WEST WAT",
    120: "CEST MEST MESZ EET SAST CAT",
    180: "EEST MSK EAT TRT",
    210: "IRST",
    240: "GST",
    300: "PKT UZT YEKT",
    345: "NPT",
    420: "WIB ICT",
    480: "HKT SGT AWST PHT MYT WITA",
    540: "JST KST WIT",
    570: "ACST",
    600: "AEST",
    630: "ACDT",
    660: "AEDT",
    720: "NZST",
    780: "NZDT",
    -180: "BRT ART UYT",
    -210: "NST",
    -150: "NDT",
    -240: "EDT",
    -300: "EST CDT PET",
    -360: "MDT",
    -420: "MST PDT",
    -480: "PST AKDT",
    -540: "AKST",
    -600: "HST",
}
ZONES: Final[Mapping[str, int]] = {
    name: minutes for minutes, names in _ZONES.items() for name in names.split()
}
"""Offset of a zone from UTC in minutes, by its name."""

_LONG_ZONES: Final = {
    0: "Coordinated Universal,Greenwich Mean,Western European Standard,Western European",
    60: "Central European Standard,Central European,Western European Summer,British Summer",
    120: "Central European Summer,Eastern European Standard,Eastern European,South Africa Standard",
    180: "Eastern European Summer,Moscow Standard,Arabian Standard",
    240: "Gulf Standard",
    330: "India Standard",
    480: "China Standard,Singapore Standard,Hong Kong Standard",
    540: "Japan Standard,Korean Standard",
    600: "Australian Eastern Standard",
    660: "Australian Eastern Daylight",
    -180: "Brasilia Standard,Brasilia",
    -240: "Eastern Daylight",
    -300: "Eastern Standard,Central Daylight",
    -360: "Central Standard,Mountain Daylight",
    -420: "Mountain Standard,Pacific Daylight",
    -480: "Pacific Standard",
}
LONG_ZONES: Final[Mapping[str, int]] = {
    f"{name} Time": minutes for minutes, names in _LONG_ZONES.items() for name in names.split(",")
}
"""Offset of a zone from UTC in minutes, by the words that Java has for it."""

_AMBIGUOUS_ZONES: Final = ("CST", "IST", "BST", "AST", "ADT", "ECT", "SST", "AMT", "WST", "LMT")
ZONE_PATTERN: Final = "|".join(
    sorted({*ZONES, *_AMBIGUOUS_ZONES}, key=lambda name: (-len(name), name))
)
REGION_PATTERN: Final = (
    r"(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z][\w+/-]+"
)
"""A zone by the name that the IANA has for it, as PHP and Java write it."""


@lru_cache(maxsize=256)
def region(name: str) -> tzinfo | None:
    """Return the zone of a name such as Europe/Berlin; None if there is none such."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=256)
def offset_of(zone: str) -> int | None:
    """Return the minutes that a zone is ahead of UTC; None for a name that means several zones.

    Args:
        zone: a name, or an offset such as +02:00, +0200, +02 or GMT+2, spaces around it or not.
    """
    zone = zone.strip()
    if zone[:3] in ("UTC", "GMT") and zone[3:4] in ("+", "-"):
        hours, colon, rest = zone[4:].partition(":")
        zone = f"{zone[3]}{hours.zfill(4 if len(hours) > 2 else 2)}{colon}{rest}"
    if zone[:1] not in ("+", "-"):
        return ZONES.get(zone)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    return -minutes if zone[0] == "-" else minutes
