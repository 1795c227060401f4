"""Parsers and formatters of setting values; parsers raise ValueError with a sentence."""

from datetime import UTC, tzinfo
from ipaddress import ip_network
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from waterline.encoding import FORMATS, MOST_ROWS, BatchFormat, highest_level
from waterline.indexable import MOST_INDEXED, check_indexable
from waterline.metrics.registry import BY_NAME as OWN_METRICS
from waterline.process_log import LogFormat
from waterline.tokens import NAME
from waterline.units import format_duration, format_size, parse_duration, parse_size

_NONE: Final = "none"
_UNLIMITED: Final = "unlimited"
_NEVER: Final = "never"
_BY_FORMAT: Final = "auto"
_YES: Final = "yes"
_NO: Final = "no"
_MOST: Final = 1_000_000
# Each costs time for every log.
MOST_MEASURED: Final = 10


def parse_port(text: str) -> int:
    """Parse a port; 0 is any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"{text!r} is no port; give a number from 0 (any free one) to 65535")
    return int(text)


def parse_host(text: str) -> str:
    """Parse an address to listen on."""
    if not text.strip():
        raise ValueError("it is empty; give an address such as 127.0.0.1")
    return text.strip()


class SocketAddress(NamedTuple):
    """An address to listen on, with its port."""

    host: str
    port: int


def parse_address(text: str) -> SocketAddress | None:
    """Parse an address with its port; None is none."""
    if text.strip() == _NONE:
        return None
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not host or (":" in host) != text.strip().startswith("["):
        raise ValueError(
            f"{text!r} is no address with a port; give one such as 127.0.0.1:5514 or [::1]:5514, "
            f"or {_NONE}"
        )
    return SocketAddress(host, parse_port(port))


def show_address(address: SocketAddress | None) -> str:
    """Format an address with its port."""
    if address is None:
        return _NONE
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_source(text: str) -> str:
    """Parse the name of a source."""
    if not NAME.fullmatch(text.strip()):
        raise ValueError(
            f"{text!r} is no name of a source; give letters, digits, dots, dashes and underscores"
        )
    return text.strip()


def parse_networks(text: str) -> tuple[str, ...]:
    """Parse addresses and networks."""
    if text.strip() == _NONE:
        return ()
    found = []
    for each in text.split(","):
        try:
            found.append(str(ip_network(each.strip())))
        except ValueError as error:
            raise ValueError(
                f"{each.strip()!r} is no address or network; give such as 10.0.0.0/8 or "
                f"192.0.2.7, with commas, or {_NONE}"
            ) from error
    return tuple(dict.fromkeys(found))


def parse_timezone(text: str) -> str:
    """Parse the name of a time zone."""
    name = text.strip()
    try:
        zone_of(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ValueError(
            f"{text!r} is no known time zone; give a name such as Europe/Berlin"
        ) from error
    return name


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises:
        ValueError, ZoneInfoNotFoundError: the name is unknown.
    """
    return UTC if name == "UTC" else ZoneInfo(name)  # known even without a time zone database


def parse_count(text: str) -> int:
    """Parse a number of connections."""
    return _whole(text, _MOST, "number of connections")


def parse_questions(text: str) -> int:
    """Parse a number of questions."""
    return _whole(text, _MOST, "number of questions")


def parse_rate(text: str) -> int | None:
    """Parse bytes a second; None is no limit."""
    if text.strip() == _UNLIMITED:
        return None
    rate = parse_size(text)
    if not rate:
        raise ValueError(f"at {text} nothing could be sent; write {_UNLIMITED} for no limit")
    return rate


def show_rate(rate: int | None) -> str:
    """Format bytes a second."""
    return _UNLIMITED if rate is None else format_size(rate)


def parse_age(text: str) -> int | None:
    """Parse milliseconds; None is never."""
    return None if text.strip() == _NEVER else parse_duration(text)


def show_age(age: int | None) -> str:
    """Format milliseconds."""
    return _NEVER if age is None else format_duration(age)


def parse_format(text: str) -> BatchFormat:
    """Parse the name of a batch format."""
    found = FORMATS.get(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no format; choose one of {', '.join(FORMATS)}")
    return found


def parse_number(text: str, most: int, what: str) -> int | None:
    """Parse a whole number; None is the default of the format.

    Args:
        text: the text.
        most: the highest valid number.
        what: the noun for the error.
    """
    if text.strip() == _BY_FORMAT:
        return None
    return _whole(text, most, what, f", or '{_BY_FORMAT}'")


def _whole(text: str, most: int, what: str, other: str = "") -> int:
    """Return a whole number from 1 on.

    Args:
        text: the text.
        most: the highest valid number.
        what: the noun for the error.
        other: what else may be given, as the error ends.
    """
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= most:
        raise ValueError(f"{text!r} is no {what}; give one from 1 to {most}{other}")
    return int(text)


def parse_rows(text: str) -> int | None:
    """Parse the number of logs in a batch; None is the default of the format."""
    return parse_number(text, MOST_ROWS, "number of logs")


def parse_level(text: str) -> int | None:
    """Parse a compression level; None is the default of the format."""
    return parse_number(text, highest_level(), "level")


def show_number(number: int | None) -> str:
    """Format a number or the default of the format."""
    return _BY_FORMAT if number is None else str(number)


def parse_destination(text: str) -> str | None:
    """Parse the address of object storage; None is none."""
    if text.strip() == _NONE:
        return None
    if not text.strip().startswith("s3://"):
        raise ValueError(f"{text!r} is no object storage; give s3://bucket/prefix, or {_NONE}")
    return text.strip().rstrip("/")


def parse_node(text: str) -> str | None:
    """Parse the name of a node; None is none."""
    name = text.strip()
    if name == _NONE:
        return None
    if not NAME.fullmatch(name) or name.startswith("."):
        raise ValueError(
            f"{text!r} is no name of a node; give letters, digits, dots, dashes and underscores, "
            f"or {_NONE}"
        )
    return name


def parse_place(text: str) -> str | None:
    """Parse the place of backups, a folder or the address of object storage; None is none."""
    place = text.strip()
    if place == _NONE:
        return None
    if not place or ("://" in place and not place.startswith("s3://")):
        raise ValueError(f"{text!r} is no place; give a folder, s3://bucket/prefix, or {_NONE}")
    return place.rstrip("/") or "/"


def parse_backups(text: str) -> int:
    """Parse a number of backups."""
    return _whole(text, _MOST, "number of backups")


def show_destination(address: str | None) -> str:
    """Format the address of object storage."""
    return _NONE if address is None else address


def parse_yes(text: str) -> bool:
    """Parse yes or no."""
    if text.strip() not in (_YES, _NO):
        raise ValueError(f"{text!r} is neither {_YES} nor {_NO}")
    return text.strip() == _YES


def show_yes(value: bool) -> str:
    """Format yes or no."""
    return _YES if value else _NO


def parse_file(text: str) -> Path | None:
    """Parse a path; None is none."""
    # Empty is an error, as a variable that lost its value must not turn off TLS.
    if not text.strip():
        raise ValueError(f"it is empty; give a PEM file, or {_NONE}")
    return None if text.strip() == _NONE else Path(text)


def parse_log_file(text: str) -> Path | None:
    """Parse the path of a log, absolute, as processes may have other working folders."""
    if not text.strip():
        raise ValueError(f"it is empty; give a file, or {_NONE} for standard error")
    return None if text.strip() == _NONE else Path(text).absolute()


def parse_catalog(text: str) -> Path | None:
    """Parse the path of a catalog; None is none."""
    if not text.strip():
        raise ValueError(f"it is empty; give a file, or {_NONE}")
    return None if text.strip() == _NONE else Path(text).absolute()


def parse_log_format(text: str) -> LogFormat:
    """Parse the format of our own log."""
    try:
        return LogFormat(text.strip().lower())
    except ValueError:
        raise ValueError(f"{text!r} is no format; give {' or '.join(LogFormat)}") from None


def show_file(path: Path | None) -> str:
    """Format a path."""
    return _NONE if path is None else str(path)


def parse_attributes(text: str) -> tuple[str, ...]:
    """Parse names of attributes."""
    if text.strip() == _NONE:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise ValueError(f"{text!r} has an empty name; give names with commas, or {_NONE}")
    if len(names) > MOST_MEASURED:
        raise ValueError(f"these are {len(names)} attributes; measure {MOST_MEASURED} at most")
    if taken := [name for name in names if name in OWN_METRICS]:
        raise ValueError(f"{taken[0]} is what the server calls a measurement of its own")
    return names


def parse_indexed(text: str) -> tuple[str, ...]:
    """Parse names of attributes to index."""
    if text.strip() == _NONE:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        check_indexable(name)
    if len(names) > MOST_INDEXED:
        raise ValueError(f"these are {len(names)} attributes; index {MOST_INDEXED} at most")
    return names


def show_names(names: tuple[str, ...]) -> str:
    """Format names of attributes."""
    return ",".join(names) or _NONE
