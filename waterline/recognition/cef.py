"""Events of security products: ArcSight's CEF and QRadar's LEEF."""

import re
from typing import Final

from waterline.recognition.dialect import Reader, number_of
from waterline.recognition.recognized import Recognized

CEF_SHAPE: Final = r"CEF:[ ]?\d+(?:\.\d+)?\|"
LEEF_SHAPE: Final = r"LEEF:[ ]?\d+(?:\.\d+)?\|"
_FIELD: Final = r"([^|\\]*+(?:\\.[^|\\]*+)*+)"
_CEF: Final = re.compile(rf"CEF: ?[\d.]+(?:\|{_FIELD}){{6}}\|(.*)$", re.DOTALL)
_HEADER: Final = re.compile(rf"\|{_FIELD}", re.DOTALL)
_KEY: Final = re.compile(r"(?:^|(?<=\s))([\w.\[\]-]+)=")
_NAMES: Final = ("vendor", "product", "product_version", "signature")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r"}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
_TIMES: Final = ("rt", "devTime", "end", "start")
_WORDS: Final = {
    "low": "info",
    "medium": "warning",
    "high": "error",
    "very-high": "error",
    "unknown": "info",
    "very high": "error",
    "informational": "info",
    "critical": "error",
}
_PARTS_OF_CEF: Final = 7


def read_cef(line: str, reader: Reader) -> Recognized | None:
    """Return what an event in CEF says, or None if it is none: its name is the message."""
    match = _CEF.match(line)
    if match is None:
        return None
    header = [_unescaped(part) for part in _HEADER.findall(line)[: _PARTS_OF_CEF - 1]]
    attributes: dict[str, object] = dict(zip(_NAMES, header, strict=False))
    attributes |= _extension(match[match.lastindex or 0], None)
    attributes["severity"] = header[5]
    return _event(header[4] or line, header[5], attributes, reader)


def read_leef(line: str, reader: Reader) -> Recognized | None:
    """Return what an event in LEEF says, or None if it is none: the line is the message."""
    version, *header = line.split("|", 5)
    if len(header) < 5:
        return None
    *names, rest = header
    delimiter = "\t"
    if version.endswith("2.0"):
        written, bar, behind = rest.partition("|")
        if bar and "=" not in written:
            delimiter = _delimiter(written) or "\t"
            rest = behind
    attributes: dict[str, object] = dict(zip((*_NAMES[:3], "event"), names, strict=True))
    attributes |= _extension(rest, delimiter)
    return _event(line, str(attributes.get("sev", "")), attributes, reader)


def _event(
    message: str, severity: str, attributes: dict[str, object], reader: Reader
) -> Recognized:
    timestamp = None
    for name in _TIMES:
        if name in attributes:
            timestamp = reader.time_of(str(attributes[name]))
            if timestamp is not None:
                del attributes[name]
                break
    return Recognized(message, timestamp, _type_of(severity), attributes)


def _type_of(severity: str) -> str | None:
    """Return the type of a severity: 0 to 3 is low, to 6 medium, above high."""
    if severity.isdecimal() and len(severity) <= 2:
        number = int(severity)
        return "info" if number <= 3 else "warning" if number <= 6 else "error"
    return _WORDS.get(severity.lower())


def _extension(text: str, delimiter: str | None) -> dict[str, object]:
    """Take apart `key=value` pairs, whose values have blanks unless a delimiter is given."""
    if delimiter is not None:
        pairs = (pair.partition("=") for pair in text.split(delimiter))
        return {name.strip(): _value(value) for name, equals, value in pairs if equals}
    keys = list(_KEY.finditer(text))
    starts = [key.start() for key in keys]
    before = text[: starts[0] if starts else len(text)].strip()
    found: dict[str, object] = {"rest": before} if before else {}
    for key, end in zip(keys, (*starts[1:], len(text)), strict=False):
        found[key[1]] = _value(text[key.end() : end].rstrip())
    return found


def _value(written: str) -> object:
    return number_of(written) if _NUMBER.fullmatch(written) else _unescaped(written)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)


def _delimiter(written: str) -> str:
    if re.fullmatch(r"(?:0?x)[0-9A-Fa-f]{1,4}", written):
        return chr(int(written.lower().partition("x")[2], 16))
    return written[:1]
