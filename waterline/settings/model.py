"""Settings: definition and sources, command line over WATERLINE_* over waterline.toml."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from waterline.alerts.rules import AlertRule, parse_rules
from waterline.encoding import FORMATS, PARQUET, BatchFormat
from waterline.errors import SettingsError
from waterline.origins import format_origins, parse_origins
from waterline.process_log import LogFormat
from waterline.settings import parse as texts
from waterline.settings.keep import ArchiveKeep, parse_keep, show_keep
from waterline.units import format_duration, format_size, parse_duration, parse_size

FILE_NAME: Final = "waterline.toml"
PREFIX: Final = "WATERLINE_"
_NEAR: Final = 0.7
"""Likeness from which on a known name is what an unknown one was meant to be."""
ALERTS: Final = "alerts"
"""Member of a file with the rules of alerts, which is no setting."""
# Variables of producers and commands. They may hold secrets, so they are no settings.
CLIENT_VARIABLES: Final = frozenset({"WATERLINE_TOKEN", "WATERLINE_URL"})


# How the source of a value begins that is given to the process itself, and not by a file.
_OPTION: Final = "option"
_VARIABLE: Final = "variable"
_GIVEN: Final = (f"{_OPTION} ", f"{_VARIABLE} ")


def _about(
    description: str, parse: Callable[[str], object], show: Callable[[Any], str] = str
) -> dict[str, Any]:
    """Return the metadata of a field of Settings: help, parser and formatter."""
    return {"description": description, "parse": parse, "show": show}


def _by_format(attribute: str) -> str:
    """Return the default of each batch format, such as `parquet 3, json.gz 6`."""
    return ", ".join(f"{each} {getattr(each, attribute)}" for each in FORMATS.values())


_DURATION: Final = (parse_duration, format_duration)
_SIZE: Final = (parse_size, format_size)
_RATE: Final = (texts.parse_rate, texts.show_rate)
_ADDRESS: Final = (texts.parse_address, texts.show_address)
_FILE: Final = (texts.parse_file, texts.show_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Values of all settings. Times are milliseconds, sizes are bytes."""

    data: Path = field(default=Path("data"), metadata=_about("the data folder", Path))
    host: str = field(
        default="127.0.0.1", metadata=_about("the address to listen on", texts.parse_host)
    )
    port: int = field(
        default=3001, metadata=_about("the port of ingest and live", texts.parse_port)
    )
    monitoring_port: int = field(
        default=3002, metadata=_about("the port of /metrics, /health and /livez", texts.parse_port)
    )
    dashboard_port: int = field(
        default=3000, metadata=_about("the port of the dashboard", texts.parse_port)
    )
    query_port: int = field(
        default=3003, metadata=_about("the port of questions over the network", texts.parse_port)
    )
    query_bytes: int = field(
        default=2**30,
        metadata=_about("bytes that an answer over the network may take", *_SIZE),
    )
    query_concurrency: int = field(
        default=8,
        metadata=_about(
            "how many questions are answered over the network at once", texts.parse_questions
        ),
    )
    queue_size: int = field(
        default=32 * 2**20,
        metadata=_about("bytes of logs that may wait before producers are held back", *_SIZE),
    )
    live_buffer: int = field(
        default=4 * 2**20,
        metadata=_about("bytes a live reader may fall behind before logs are skipped", *_SIZE),
    )
    idle_timeout: int = field(
        default=300_000, metadata=_about("how long a silent connection stays open", *_DURATION)
    )
    ping_every: int = field(
        # Proxies cut what is quiet: nginx and most load balancers after 60 s, some after 30 s.
        default=20_000,
        metadata=_about("how often connections are pinged, so that proxies keep them", *_DURATION),
    )
    dedupe_window: int = field(
        default=86_400_000,
        metadata=_about("how long from its receipt an archived log is recognised", *_DURATION),
    )
    archive_after: int | None = field(
        default=30 * 86_400_000,
        metadata=_about(
            "how long after their receipt logs are archived, or never",
            texts.parse_age,
            texts.show_age,
        ),
    )
    archive_every: int = field(
        default=86_400_000,
        metadata=_about("how much more than that is waited for, so that batches fill", *_DURATION),
    )
    archive_format: BatchFormat = field(
        default=PARQUET,
        metadata=_about(f"of archived batches: {' or '.join(FORMATS)}", texts.parse_format),
    )
    archive_batch_rows: int | None = field(
        default=None,
        metadata=_about(
            f"logs in a batch: {_by_format('batch_rows')}",
            texts.parse_rows,
            texts.show_number,
        ),
    )
    archive_level: int | None = field(
        default=None,
        metadata=_about(
            f"how hard batches are compressed: {_by_format('level')}",
            texts.parse_level,
            texts.show_number,
        ),
    )
    archive_dest: str | None = field(
        default=None,
        metadata=_about(
            "object storage for batches, as s3://bucket/prefix",
            texts.parse_destination,
            texts.show_destination,
        ),
    )
    node_name: str | None = field(
        default=None,
        metadata=_about(
            "this node's name in a lake of several, which archive_dest is then, or none",
            texts.parse_node,
            texts.show_destination,
        ),
    )
    lake_catalog: Path | None = field(
        default=None,
        metadata=_about(
            "SQLite file of the catalog that `waterline lake publish` writes, or none",
            texts.parse_catalog,
            texts.show_file,
        ),
    )
    archive_keep_local: bool = field(
        default=True,
        metadata=_about(
            "whether uploaded batches stay here too: yes or no", texts.parse_yes, texts.show_yes
        ),
    )
    archive_keep: ArchiveKeep | None = field(
        default=None,
        metadata=_about(
            "what of the archives is kept, such as 1y, 50GiB or debug=7d, with commas, or forever",
            parse_keep,
            show_keep,
        ),
    )
    backup_to: str | None = field(
        default=None,
        metadata=_about(
            "where backups are taken to, a folder or s3://bucket/prefix, or none",
            texts.parse_place,
            texts.show_destination,
        ),
    )
    backup_every: int = field(
        default=86_400_000,
        metadata=_about("how often the server takes a backup, if backup_to is set", *_DURATION),
    )
    backup_keep: int = field(
        default=30,
        metadata=_about("how many backups stay when the server takes one", texts.parse_backups),
    )
    metrics_seconds: int = field(
        default=86_400_000,
        metadata=_about("how long measurements by second are kept", *_DURATION),
    )
    metrics_minutes: int = field(
        default=31 * 86_400_000,
        metadata=_about("how long measurements by minute are kept", *_DURATION),
    )
    metrics_hours: int = field(
        default=5 * 365 * 86_400_000,
        metadata=_about("how long measurements by hour are kept", *_DURATION),
    )
    quiet_after: int | None = field(
        default=10 * 60_000,
        metadata=_about(
            "after what silence a source that sends often is warned of, or never",
            texts.parse_age,
            texts.show_age,
        ),
    )
    measured_attributes: tuple[str, ...] = field(
        default=("duration_ms",),
        metadata=_about(
            "numeric attributes of logs that are measured by type, with commas, or none",
            texts.parse_attributes,
            texts.show_names,
        ),
    )
    indexed_attributes: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "attributes of hot logs that `where` finds by an index, with commas, or none",
            texts.parse_indexed,
            texts.show_names,
        ),
    )
    token_connections: int = field(
        default=2_000,
        metadata=_about("how many connections a token may hold at once", texts.parse_count),
    )
    token_rate: int | None = field(
        default=None,
        metadata=_about("bytes a second that a token may send, such as 10MiB", *_RATE),
    )
    recognise_repeats: bool = field(
        default=True,
        metadata=_about(
            "whether a body that a shipper sends again, without ids, is stored once",
            texts.parse_yes,
            texts.show_yes,
        ),
    )
    syslog_tcp: texts.SocketAddress | None = field(
        default=None,
        metadata=_about(
            "where syslog is taken over TCP, such as 127.0.0.1:5514; it has no acks", *_ADDRESS
        ),
    )
    syslog_udp: texts.SocketAddress | None = field(
        default=None,
        metadata=_about("where syslog is taken over UDP, such as 127.0.0.1:5514", *_ADDRESS),
    )
    syslog_tcp_source: str = field(
        default="syslog-tcp",
        metadata=_about("the source of logs that come at syslog_tcp", texts.parse_source),
    )
    syslog_udp_source: str = field(
        default="syslog-udp",
        metadata=_about("the source of logs that come at syslog_udp", texts.parse_source),
    )
    syslog_from: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "addresses and networks that may send syslog besides this machine, with commas",
            texts.parse_networks,
            texts.show_names,
        ),
    )
    syslog_timezone: str = field(
        default="UTC",
        metadata=_about("the zone of times in syslog that name none", texts.parse_timezone),
    )
    tls_cert: Path | None = field(
        default=None,
        metadata=_about(
            "the server's certificate, a PEM file; with it, TLS on all ports but UDP", *_FILE
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=_about("the private key of the certificate, a PEM file", *_FILE),
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "origins whose pages may connect besides the server's own, with commas; * is any",
            parse_origins,
            format_origins,
        ),
    )
    log_format: LogFormat = field(
        default=LogFormat.TEXT,
        metadata=_about(
            f"of lines in the log of our own processes: {' or '.join(LogFormat)}",
            texts.parse_log_format,
        ),
    )
    log_file: Path | None = field(
        default=None,
        metadata=_about(
            "file to which that log is appended; none is standard error",
            texts.parse_log_file,
            texts.show_file,
        ),
    )

    @property
    def batches_address(self) -> str | None:
        """Address below which batches are uploaded, by day; None if they are not.

        In a lake each node has a folder of its own, named as readers of partitions know it.
        """
        if self.archive_dest is None or self.node_name is None:
            return self.archive_dest
        return f"{self.archive_dest}/node={self.node_name}"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, with the source of each value."""

    settings: Settings
    sources: Mapping[str, str]
    alerts: tuple[AlertRule, ...] = ()
    """Rules of alerts, which only a file has."""

    def describe(self) -> list[tuple[str, str, str]]:
        """Return (name, value as text, source) of every setting."""
        return [
            (name, setting_text(self.settings, name), self.sources[name])
            for name in setting_names()
        ]


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, in order of definition."""
    return tuple(each.name for each in fields(Settings))


def setting_text(settings: Settings, name: str) -> str:
    """Return the value of a setting as text that its parser reads."""
    return str(_field(name).metadata["show"](getattr(settings, name)))


def setting_help(name: str) -> str:
    """Return the help text of a setting, with its default."""
    found = _field(name)
    return f"{found.metadata['description']} (default: {found.metadata['show'](found.default)})"


def _field(name: str) -> Field[Any]:
    (found,) = (each for each in fields(Settings) if each.name == name)
    return found


def option_name(name: str) -> str:
    """Return the command-line option of a setting: `monitoring_port` is `--monitoring-port`."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """Return the environment variable of a setting: `port` is `WATERLINE_PORT`."""
    return PREFIX + name.upper()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return all settings as environment variables for another process."""
    return {variable_name(name): setting_text(settings, name) for name in setting_names()}


def environment_given(loaded: LoadedSettings) -> dict[str, str]:
    """Return the settings of the command line and the environment as variables for a process.

    It reads the rest from the same file.
    """
    return {
        variable_name(name): setting_text(loaded.settings, name)
        for name, source in loaded.sources.items()
        if source.startswith(_GIVEN)
    }


def load_settings(
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    working_folder: Path,
    named: Mapping[str, str] | None = None,
    *,
    check_queries: bool = True,
) -> LoadedSettings:
    """Load each setting from the first source that has it: option, variable, file, default.

    Args:
        options: values on the command line by setting name; None if not given.
        environment: the environment variables.
        working_folder: first folder to search for `waterline.toml`, before the data folder.
        named: names of options that differ from their setting's.
        check_queries: whether to read the queries of alerts, for which Arrow may be loaded.

    Raises:
        SettingsError: a key is unknown, a value or an alert has no meaning, both folders have a
            file, or a certificate lacks its key.
    """
    given = _from_environment(environment)
    given |= {
        name: (value, f"{_OPTION} {(named or {}).get(name, option_name(name))}")
        for name, value in options.items()
        if value is not None
    }
    content = _content(working_folder / FILE_NAME)
    found = _from_file(working_folder / FILE_NAME, content) | given
    data = Path(found["data"][0]) if "data" in found else Settings().data
    path = _data_folders_file(working_folder, working_folder / data)
    if path is not None:
        content = _content(path)
        found = _from_data_folder(path, content) | found
    else:
        path = working_folder / FILE_NAME
    alerts = parse_rules(content.get(ALERTS, []), str(path), check_queries=check_queries)
    values: dict[str, Any] = {name: _parse_value(name, *found[name]) for name in found}
    sources = {name: found[name][1] if name in found else "default" for name in setting_names()}
    _check_pair(values, sources)
    _check_level(values, sources)
    _check_retention(values, sources)
    _check_keep(values, sources)
    return LoadedSettings(Settings(**values), sources, alerts)


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    known = {variable_name(name): name for name in setting_names()}
    found = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        if variable not in known:
            raise _unknown(variable, "in the environment", [*known, *CLIENT_VARIABLES])
        found[known[variable]] = (value, f"{_VARIABLE} {variable}")
    return found


def _content(path: Path) -> dict[str, Any]:
    """Return what a file has; nothing if it is missing."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _from_file(path: Path, content: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    found = {}
    for key, value in content.items():
        if key == ALERTS:
            continue
        if key not in setting_names():
            raise _unknown(key, f"in {path}", [*setting_names(), ALERTS])
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise SettingsError(f"{key} in {path} must be text or a whole number")
        found[key] = (str(value), f"file {path}")
    return found


def _data_folders_file(working_folder: Path, data: Path) -> Path | None:
    """Return the file of the data folder; None if there is none, or no other than ours."""
    path, other = data / FILE_NAME, working_folder / FILE_NAME
    if not path.exists() or path.resolve() == other.resolve():
        return None
    if other.exists():
        raise SettingsError(f"both {other} and {path} exist; keep one of them")
    return path


def _from_data_folder(path: Path, content: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    found = _from_file(path, content)
    if "data" in found:
        raise SettingsError(f"data cannot be set in {path}, which lies in the data folder itself")
    return found


def _parse_value(name: str, text: str, source: str) -> object:
    try:
        return _field(name).metadata["parse"](text)
    except ValueError as error:
        raise SettingsError(f"{name} ({source}): {error}") from error


def _check_pair(values: Mapping[str, object], sources: Mapping[str, str]) -> None:
    """Check that certificate and key are given together."""
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if values.get(one) is not None and values.get(other) is None:
            raise SettingsError(
                f"{one} ({sources[one]}) is given without {other}; give both for TLS, or neither"
            )


def _check_level(values: Mapping[str, object], sources: Mapping[str, str]) -> None:
    """Check that the batch format has the level."""
    chosen, level = values.get("archive_format", PARQUET), values.get("archive_level")
    if not isinstance(chosen, BatchFormat) or not isinstance(level, int):
        return
    if level not in chosen.levels:
        known = (
            f"levels from {chosen.levels[0]} to {chosen.levels[-1]}" if chosen.levels else "none"
        )
        raise SettingsError(
            f"archive_level ({sources['archive_level']}): {chosen} has {known}, not {level}"
        )


def _check_retention(values: Mapping[str, object], sources: Mapping[str, str]) -> None:
    """Check that coarse rollups are kept at least as long as finer ones."""
    for finer, coarser in (
        ("metrics_seconds", "metrics_minutes"),
        ("metrics_minutes", "metrics_hours"),
    ):
        kept, longer = (values.get(name, _field(name).default) for name in (finer, coarser))
        if isinstance(kept, int) and isinstance(longer, int) and kept > longer:
            raise SettingsError(
                f"{finer} ({sources[finer]}) is {format_duration(kept)}, longer than {coarser} "
                f"({sources[coarser]}) with {format_duration(longer)}; raise that too"
            )


def _check_keep(values: Mapping[str, object], sources: Mapping[str, str]) -> None:
    """Check that no archived log goes while it is recognised when sent again."""
    keep = values.get("archive_keep")
    window = values.get("dedupe_window", _field("dedupe_window").default)
    if not isinstance(keep, ArchiveKeep) or not isinstance(window, int):
        return
    if keep.shortest is not None and keep.shortest < window:
        raise SettingsError(
            f"archive_keep ({sources['archive_keep']}) has {format_duration(keep.shortest)}, "
            f"shorter than dedupe_window ({sources['dedupe_window']}) with "
            f"{format_duration(window)}; raise it"
        )


def _unknown(key: str, place: str, known: Iterable[str]) -> SettingsError:
    # Prefixes that all names share would bring any two of them near each other.
    bare = {name.removeprefix(PREFIX): name for name in known}
    nearest = difflib.get_close_matches(key.removeprefix(PREFIX), list(bare), n=1, cutoff=_NEAR)
    hint = f"did you mean {bare[nearest[0]]}?" if nearest else "`waterline settings` shows all"
    return SettingsError(f"unknown setting {key} {place}; {hint}")
