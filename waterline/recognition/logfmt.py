"""Lines of `key=value` pairs, as Go's loggers and Heroku write them, and of labelled values."""

import re
from typing import Final

import msgspec

from waterline.recognition.dialect import Reader, number_of
from waterline.recognition.levels import type_of_status
from waterline.recognition.line_levels import level_of_word
from waterline.recognition.recognized import Recognized

LOGFMT_SHAPE: Final = (
    r"(?!(?:node=\S+[ ])?type=\S+[ ]msg=audit\()[A-Za-z_@][\w.@/-]*=(?=[\"\w\[{(<+-])"
)
LTSV_SHAPE: Final = r"[a-z_]\w*:[^\t]*\t[a-z_]\w*:"
_QUOTED: Final = r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\""
_LINE: Final = re.compile(
    rf"\s*(?:[\w.@/\[\]-]++(?:=(?:{_QUOTED}|[^\s\"]\S*+)?+)?+(?:\s++|$))++", re.ASCII | re.DOTALL
)
_PAIR: Final = re.compile(
    rf"(?<![\w.@/\[\]-])([\w.@/\[\]-]++)=({_QUOTED}|[^\s\"]\S*+|)", re.ASCII | re.DOTALL
)
_BARE: Final = re.compile(r"(?:^|\s)[\w.@/\[\]-]++(?=\s|$)", re.ASCII)
_TIMES: Final = ("time", "ts", "t", "timestamp", "@timestamp", "date", "datetime")
_LEVELS: Final = (
    "level",
    "lvl",
    "severity",
    "loglevel",
    "log_level",
    "log.level",
    "levelname",
    "at",
)
_MESSAGES: Final = ("msg", "message")
_KNOWN: Final = frozenset((*_TIMES, *_LEVELS, *_MESSAGES, "err", "error", "caller", "method"))
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
_decode = msgspec.json.Decoder(str).decode


def read_logfmt(line: str, reader: Reader) -> Recognized | None:
    """Return what a line of pairs says, or None if it is not all pairs.

    A line is one if all of it is pairs, or flags without a value, and one pair is of those that
    loggers write. What stands twice, or without a value, leaves the line whole as the message.
    """
    if _LINE.fullmatch(line) is None:
        return None
    pairs = _PAIR.findall(line)
    attributes: dict[str, object] = {}
    for name, written in pairs:
        attributes[name] = _value(written)
    if not attributes.keys() & _KNOWN:
        return None
    timestamp = _time(attributes, reader)
    level = None
    for name in _LEVELS:
        if isinstance(word := attributes.get(name), str) and (level := level_of_word(word)):
            del attributes[name]
            if level.more:
                attributes["level"] = level.more
            break
    message = line
    if len(attributes) <= len(pairs) and not _BARE.search(line) and _is_once(pairs):
        for name in _MESSAGES:
            if isinstance(text := attributes.get(name), str) and text:
                message = text
                del attributes[name]
                break
    type_ = level.type if level else None
    if level is None and isinstance(status := attributes.get("status"), int):
        type_ = type_of_status(status)
    return Recognized(message, timestamp, type_, attributes)


def read_ltsv(line: str, reader: Reader) -> Recognized | None:
    """Return what a line of labelled values says, with tabs between; None if it is none such."""
    attributes: dict[str, object] = {}
    for field in line.split("\t"):
        name, colon, value = field.partition(":")
        if not colon or name in attributes:
            return None
        if value not in ("", "-"):
            attributes[name] = number_of(value) if _NUMBER.fullmatch(value) else value
    if not attributes.keys() & {*_TIMES, "status"}:
        return None
    timestamp = _time(attributes, reader)
    status = attributes.get("status")
    type_ = type_of_status(status) if isinstance(status, int) else None
    message = next(
        (attributes[name] for name in ("req", "request", *_MESSAGES) if name in attributes), line
    )
    return Recognized(str(message), timestamp, type_, attributes)


def _is_once(pairs: list[tuple[str, str]]) -> bool:
    return len({name for name, _ in pairs}) == len(pairs)


def _time(attributes: dict[str, object], reader: Reader) -> int | None:
    day, clock = attributes.get("date"), attributes.get("time")
    if isinstance(day, str) and isinstance(clock, str):  # FortiGate
        zone = str(attributes.get("tz", ""))
        timestamp = reader.time_of(f"{day} {clock}{zone}")
        if timestamp is not None:
            del attributes["date"], attributes["time"]
            return timestamp
    for name in _TIMES:
        value = attributes.get(name)
        if value is not None:
            timestamp = reader.time_of(str(value).strip("[]"))
            if timestamp is not None:
                del attributes[name]
                return timestamp
    return None


def _value(written: str) -> object:
    if written[:1] == '"':
        if "\\" not in written:
            return written[1:-1]
        try:
            return _decode(written)
        except msgspec.DecodeError:
            return written[1:-1]
    return number_of(written) if _NUMBER.fullmatch(written) else written
