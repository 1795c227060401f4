"""Logs as cells of text: the time in UTC, and attributes behind the message."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from waterline.query_text.paths import steps_of
from workbench.display import date_time

# Texts that need no quotes.
_PLAIN: Final = re.compile(r'[^\s"={}\[\],]+')

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


def time_text(milliseconds: int) -> str:
    """Return a moment, milliseconds UTC, such as `2026-11-23 16:31:07.250`."""
    return f"{date_time(milliseconds)}.{milliseconds % 1000:03d}"


def members_of(attributes: bytes | str) -> Mapping[str, msgspec.Raw]:
    """Return the attributes of a JSON object, each as JSON."""
    return _members(attributes)


def member_at(members: Mapping[str, msgspec.Raw], name: str) -> msgspec.Raw | None:
    """Return an attribute, or what lies at its path, as JSON; None if there is none."""
    if name in members:
        return members[name]
    root, *inner = steps_of(name) or ("",)
    value = members.get(root) if inner else None
    for step in inner:
        if value is None or not bytes(value).startswith(b"{"):
            return None
        value = _members(value).get(step)
    return value


def value_text(value: msgspec.Raw) -> str:
    """Return a JSON value as text: a text as it is, others as JSON."""
    raw = bytes(value)
    return _text(raw) if raw.startswith(b'"') else raw.decode()


def with_attributes(message: str, members: Mapping[str, msgspec.Raw]) -> str:
    """Return a message with attributes behind it, as `name=value`."""
    return _joined(message, [f"{name}={_shown(value)}" for name, value in members.items()])


def _joined(message: str, pairs: list[str]) -> str:
    return "  ".join([message, " ".join(pairs)]) if pairs else message


def _shown(value: msgspec.Raw) -> str:
    text = value_text(value)
    return text if _PLAIN.fullmatch(text) else bytes(value).decode()
