"""Settings: each source, which one wins, and what is said of a mistake."""

import os
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.folders import DAY
from tests.support.processes import run_waterline
from waterline.errors import SettingsError
from waterline.settings.keep import ArchiveKeep
from waterline.settings.model import (
    CLIENT_VARIABLES,
    LoadedSettings,
    Settings,
    load_settings,
    option_name,
    setting_help,
    setting_names,
    variable_name,
)
from waterline.settings.parse import SocketAddress


def sources(loaded: LoadedSettings) -> dict[str, str]:
    return {name: source for name, _, source in loaded.describe()}


def test_without_any_source_every_setting_has_its_default(tmp_path: Path) -> None:
    loaded = load_settings({}, {}, tmp_path)
    assert loaded.settings == Settings()
    assert set(sources(loaded).values()) == {"default"}


def test_defaults_are_those_of_contract() -> None:
    settings = Settings()
    assert (settings.port, settings.monitoring_port, settings.dashboard_port) == (3001, 3002, 3000)
    assert (settings.host, settings.data) == ("127.0.0.1", Path("data"))
    assert settings.idle_timeout == 300_000
    assert settings.ping_every <= 30_000  # the shortest time after which a common proxy cuts


def test_describe_writes_each_value_as_one_would_write_it(tmp_path: Path) -> None:
    texts = {name: text for name, text, _ in load_settings({}, {}, tmp_path).describe()}
    assert (
        texts
        | {
            "data": "data",
            "host": "127.0.0.1",
            "port": "3001",
            "queue_size": "32MiB",
            "live_buffer": "4MiB",
            "idle_timeout": "5min",
            "metrics_seconds": "1d",
            "metrics_minutes": "31d",
            "metrics_hours": "1825d",
            "quiet_after": "10min",
            "measured_attributes": "duration_ms",
            "indexed_attributes": "none",
            "token_connections": "2000",
            "token_rate": "unlimited",
            "tls_cert": "none",
            "tls_key": "none",
            "allowed_origins": "none",
        }
        == texts
    )


def test_describe_names_source_of_each_value(tmp_path: Path) -> None:
    file = tmp_path / "waterline.toml"
    file.write_text('monitoring_port = 5002\nlive_buffer = "1MiB"\n')
    loaded = load_settings({"port": "4001"}, {"WATERLINE_HOST": "::1"}, tmp_path)
    found = sources(loaded)
    assert found["port"] == "option --port"
    assert found["host"] == "variable WATERLINE_HOST"
    assert found["monitoring_port"] == f"file {file}"
    assert found["live_buffer"] == f"file {file}"
    assert found["data"] == "default"


def test_command_line_beats_environment_beats_file_beats_default(
    tmp_path: Path,
) -> None:
    def port(options: dict[str, str | None], environment: dict[str, str]) -> int:
        return load_settings(options, environment, tmp_path).settings.port

    option: dict[str, str | None] = {"port": "1"}
    variable = {"WATERLINE_PORT": "2"}
    assert port({}, {}) == 3001
    (tmp_path / "waterline.toml").write_text("port = 3")
    assert port({}, {}) == 3
    assert port({}, variable) == 2
    assert port(option, variable) == 1


def test_option_that_was_not_given_leaves_value_to_others(tmp_path: Path) -> None:
    loaded = load_settings({"port": None}, {"WATERLINE_PORT": "2"}, tmp_path)
    assert loaded.settings.port == 2


def test_every_setting_can_come_from_option_variable_and_file(tmp_path: Path) -> None:
    texts = {name: text for name, text, _ in load_settings({}, {}, tmp_path).describe()}
    for name in setting_names():
        alone = tmp_path / f"with_{name}"
        alone.mkdir()
        (alone / "waterline.toml").write_text(f'{name} = "{texts[name]}"')
        by_file = load_settings({}, {}, alone)
        by_variable = load_settings({}, {variable_name(name): texts[name]}, tmp_path)
        by_option = load_settings({name: texts[name]}, {}, tmp_path)
        assert by_file.settings == by_variable.settings == by_option.settings == Settings()
        assert sources(by_file)[name] == f"file {alone / 'waterline.toml'}"
        assert sources(by_variable)[name] == f"variable {variable_name(name)}"
        assert sources(by_option)[name] == f"option {option_name(name)}"


def test_file_may_write_number_with_or_without_quotes(tmp_path: Path) -> None:
    file = tmp_path / "waterline.toml"
    for text in ("port = 4001", 'port = "4001"'):
        file.write_text(text)
        assert load_settings({}, {}, tmp_path).settings.port == 4001


def test_file_may_lie_in_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "waterline.toml").write_text("port = 4001")
    loaded = load_settings({"data": str(folder)}, {}, tmp_path)
    assert loaded.settings.port == 4001
    assert sources(loaded)["port"] == f"file {folder / 'waterline.toml'}"


def test_relative_data_folder_is_looked_for_in_working_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "waterline.toml").write_text("port = 4001")
    assert load_settings({}, {}, tmp_path).settings.port == 4001


def test_file_of_data_folder_yields_to_option_and_variable(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "waterline.toml").write_text("port = 3\nhost = '::1'")
    loaded = load_settings({"port": "1"}, {"WATERLINE_HOST": "127.0.0.2"}, tmp_path)
    assert (loaded.settings.port, loaded.settings.host) == (1, "127.0.0.2")


def test_file_may_name_data_folder(tmp_path: Path) -> None:
    (tmp_path / "waterline.toml").write_text("data = 'elsewhere'")
    assert load_settings({}, {}, tmp_path).settings.data == Path("elsewhere")


def test_file_in_both_folders_is_refused_naming_both(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    here, there = tmp_path / "waterline.toml", tmp_path / "data" / "waterline.toml"
    here.write_text("port = 1")
    there.write_text("port = 2")
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {}, tmp_path)
    assert str(raised.value) == f"both {here} and {there} exist; keep one of them"


def test_file_of_data_folder_named_by_working_file_is_refused_too(
    tmp_path: Path,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "waterline.toml").write_text("port = 2")
    (tmp_path / "waterline.toml").write_text("data = 'elsewhere'")
    with pytest.raises(SettingsError, match="exist; keep one of them"):
        load_settings({}, {}, tmp_path)


def test_data_folder_that_is_working_folder_has_one_file(tmp_path: Path) -> None:
    (tmp_path / "waterline.toml").write_text("port = 4001")
    assert load_settings({"data": "."}, {}, tmp_path).settings.port == 4001


def test_data_folder_cannot_be_named_from_inside_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "waterline.toml"
    file.parent.mkdir()
    file.write_text("data = 'elsewhere'")
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {}, tmp_path)
    assert (
        str(raised.value) == f"data cannot be set in {file}, which lies in the data folder itself"
    )


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("prot", "port"),
        ("monitoring-port", "monitoring_port"),
        ("buffer", "live_buffer"),
        ("alert", "alerts"),
    ],
)
def test_unknown_key_in_file_names_nearest_known(tmp_path: Path, key: str, nearest: str) -> None:
    file = tmp_path / "waterline.toml"
    file.write_text(f"{key} = 1")
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {}, tmp_path)
    assert str(raised.value) == f"unknown setting {key} in {file}; did you mean {nearest}?"


@pytest.mark.parametrize("key", ["arch_x", "tls", "zzz"])
def test_unknown_key_that_is_near_none_is_told_where_all_are(tmp_path: Path, key: str) -> None:
    (tmp_path / "waterline.toml").write_text(f'{key} = "1"\n')
    for environment in ({}, {f"WATERLINE_{key.upper()}": "1"}):
        with pytest.raises(SettingsError) as raised:
            load_settings({}, environment, tmp_path)
        assert str(raised.value).endswith("; `waterline settings` shows all")
        (tmp_path / "waterline.toml").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("WATERLINE_PROT", "WATERLINE_PORT"),
        ("WATERLINE_QUEUESIZE", "WATERLINE_QUEUE_SIZE"),
        ("WATERLINE_TOKENS", "WATERLINE_TOKEN"),
    ],
)
def test_unknown_variable_names_nearest_known(tmp_path: Path, variable: str, nearest: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {variable: "1"}, tmp_path)
    assert str(raised.value) == (
        f"unknown setting {variable} in the environment; did you mean {nearest}?"
    )


def test_variables_of_producers_and_other_programs_are_no_settings(tmp_path: Path) -> None:
    environment = dict.fromkeys(CLIENT_VARIABLES, "x") | {"PORT": "1", "waterline_port": "1"}
    assert load_settings({}, environment, tmp_path).settings == Settings()


@pytest.mark.parametrize("content", ["port = true", "port = 1.5", "port = [1]", "[port]\nx = 1"])
def test_value_in_file_must_be_text_or_whole_number(tmp_path: Path, content: str) -> None:
    file = tmp_path / "waterline.toml"
    file.write_text(content)
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {}, tmp_path)
    assert str(raised.value) == f"port in {file} must be text or a whole number"


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"port = 1\nport = 2"])
def test_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "waterline.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"^{re.escape(str(file))} is not valid TOML: "):
        load_settings({}, {}, tmp_path)


def test_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "waterline.toml"
    file.mkdir()
    with pytest.raises(SettingsError, match=f"^{re.escape(str(file))} cannot be read: "):
        load_settings({}, {}, tmp_path)


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", "3001.0", "0x10", " 1", "9" * 400])
def test_invalid_port_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"port": text}, {}, tmp_path)
    assert str(raised.value) == (
        f"port (option --port): {text!r} is no port; give a number from 0 (any free one) to 65535"
    )


@pytest.mark.parametrize("text", ["0", "65535"])
def test_first_and_last_port_are_fine(tmp_path: Path, text: str) -> None:
    assert load_settings({"port": text}, {}, tmp_path).settings.port == int(text)


def test_bad_value_names_setting_and_source(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {"WATERLINE_IDLE_TIMEOUT": "5"}, tmp_path)
    assert str(raised.value).startswith(
        "idle_timeout (variable WATERLINE_IDLE_TIMEOUT): '5' is no duration; write a number"
    )
    file = tmp_path / "waterline.toml"
    file.write_text("queue_size = 33554432")
    with pytest.raises(SettingsError) as raised:
        load_settings({}, {}, tmp_path)
    assert str(raised.value).startswith(f"queue_size (file {file}): '33554432' is no size; write")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("token_connections", "0", "'0' is no number of connections; give one from 1 to 1000000"),
        ("token_connections", "1000001", "'1000001' is no number of connections; give one from"),
        ("token_connections", "many", "'many' is no number of connections; give one from 1 to"),
        ("token_connections", "²", "'²' is no number of connections; give one from 1 to"),
        ("token_rate", "10", "'10' is no size; write a number and a unit"),
        ("token_rate", "0B", "at 0B nothing could be sent; write unlimited for no limit"),
        ("tls_cert", "", "it is empty; give a PEM file, or none"),
        ("tls_key", " ", "it is empty; give a PEM file, or none"),
        ("allowed_origins", "logs.example.com", "'logs.example.com' is no origin; write one as"),
        ("syslog_tcp", "5514", "'5514' is no address with a port; give one such as 127.0.0.1:5514"),
        ("syslog_tcp", ":5514", "':5514' is no address with a port; give one such as"),
        ("syslog_udp", "::1:5514", "'::1:5514' is no address with a port; give one such as"),
        ("syslog_udp", "[web]:5514", "'[web]:5514' is no address with a port; give one such as"),
        ("syslog_udp", "127.0.0.1:x", "'x' is no port; give a number from 0 (any free one) to"),
        ("syslog_tcp_source", "a b", "'a b' is no name of a source; give letters, digits, dots"),
        ("syslog_from", "10.0.0.1/8", "'10.0.0.1/8' is no address or network; give such as"),
        ("syslog_from", "10.0.0.0/8,", "'' is no address or network; give such as 10.0.0.0/8 or"),
        ("syslog_timezone", "Mars/Base", "'Mars/Base' is no known time zone; give a name such as"),
        ("syslog_timezone", "../UTC", "'../UTC' is no known time zone; give a name such as"),
    ],
)
def test_invalid_limit_file_and_origin_are_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({name: text}, {}, tmp_path)
    assert str(raised.value).startswith(f"{name} (option {option_name(name)}): {reason}")


def test_limits_files_and_origins_are_read(tmp_path: Path) -> None:
    options: dict[str, str | None] = {
        "token_connections": "7",
        "token_rate": "10MiB",
        "tls_cert": "cert.pem",
        "tls_key": "key.pem",
        "allowed_origins": "https://a, HTTP://B:80",
        "syslog_tcp": "[::1]:5514",
        "syslog_udp": "localhost:0",
        "syslog_from": "10.0.0.0/8, 192.0.2.7,fd00::/8",
        "syslog_timezone": "Europe/Berlin",
    }
    settings = load_settings(options, {}, tmp_path).settings
    assert (settings.token_connections, settings.token_rate) == (7, 10 * 2**20)
    assert (settings.tls_cert, settings.tls_key) == (Path("cert.pem"), Path("key.pem"))
    assert settings.allowed_origins == ("https://a", "http://b")
    assert (settings.syslog_tcp, settings.syslog_udp) == (("::1", 5514), ("localhost", 0))
    assert settings.syslog_from == ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")
    assert settings.syslog_timezone == "Europe/Berlin"


def test_none_overrides_lower_source(tmp_path: Path) -> None:
    (tmp_path / "waterline.toml").write_text(
        "tls_cert = 'c'\ntls_key = 'k'\ntoken_rate = '1MiB'\nallowed_origins = '*'\n"
    )
    options: dict[str, str | None] = {
        "tls_cert": "none",
        "tls_key": "none",
        "token_rate": "unlimited",
        "allowed_origins": "none",
    }
    assert load_settings(options, {}, tmp_path).settings == Settings()


@pytest.mark.parametrize(("one", "other"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_certificate_and_its_key_come_together(tmp_path: Path, one: str, other: str) -> None:
    for rest in ({}, {other: "none"}):
        with pytest.raises(SettingsError) as raised:
            load_settings({one: "a.pem", **rest}, {}, tmp_path)
        assert str(raised.value) == (
            f"{one} (option {option_name(one)}) is given without {other}; "
            "give both for TLS, or neither"
        )


def test_empty_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"host": " "}, {}, tmp_path)
    assert str(raised.value) == (
        "host (option --host): it is empty; give an address such as 127.0.0.1"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("none", ()),
        ("duration_ms, size ,duration_ms", ("duration_ms", "size")),
        ("größe", ("größe",)),
    ],
)
def test_measured_attributes_are_names_with_commas(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    loaded = load_settings({"measured_attributes": text}, {}, tmp_path)
    assert loaded.settings.measured_attributes == names


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,,b", "'a,,b' has an empty name; give names with commas, or none"),
        ("", "'' has an empty name; give names with commas, or none"),
        ("a,b,c,d,e,f,g,h,i,j,k", "these are 11 attributes; measure 10 at most"),
        ("a,ack_latency", "ack_latency is what the server calls a measurement of its own"),
    ],
)
def test_invalid_list_of_attributes_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"measured_attributes": text}, {}, tmp_path)
    assert str(raised.value) == f"measured_attributes (option --measured-attributes): {reason}"


@pytest.mark.parametrize(
    ("text", "names"),
    [("none", ()), ("status, http.status_code,status", ("status", "http.status_code"))],
)
def test_indexed_attributes_are_names_with_commas(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    loaded = load_settings({"indexed_attributes": text}, {}, tmp_path)
    assert loaded.settings.indexed_attributes == names


INDEXABLE = (
    "'{}' cannot be indexed; give a name of letters, digits, _ and -, or a path of at most 10 such "
    "names with dots"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, INDEXABLE.format(name))
            for text, name in [
                ("a,,b", ""),
                ("a b", "a b"),
                ("größe", "größe"),
                ("a.", "a."),
                ('a"b', 'a"b'),
                (".".join("abcdefghijk"), ".".join("abcdefghijk")),
            ]
        ),
        ("a,b,c,d,e,f,g,h,i", "these are 9 attributes; index 8 at most"),
    ],
)
def test_invalid_list_of_indexed_attributes_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"indexed_attributes": text}, {}, tmp_path)
    assert str(raised.value) == f"indexed_attributes (option --indexed-attributes): {reason}"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"metrics_seconds": "32d"},
            (
                "metrics_seconds (option --metrics-seconds) is 32d, longer than metrics_minutes "
                "(default) with 31d; raise that too"
            ),
        ),
        (
            {"metrics_minutes": "2d", "metrics_hours": "47h"},
            (
                "metrics_minutes (option --metrics-minutes) is 2d, longer than metrics_hours "
                "(option --metrics-hours) with 47h; raise that too"
            ),
        ),
    ],
)
def test_coarse_measurements_are_kept_as_long_as_finer_ones(
    tmp_path: Path, options: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(options, {}, tmp_path)
    assert str(raised.value) == sentence
    equal: dict[str, str | None] = {f"metrics_{each}": "7d" for each in ("seconds", "minutes")}
    assert load_settings(equal, {}, tmp_path).settings.metrics_minutes == 7 * 86_400_000


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("forever", None),
        ("365d", ArchiveKeep(age=365 * DAY)),
        ("50GB", ArchiveKeep(size=50 * 10**9)),
        (
            " debug = 7d,1y, 1GiB ,a=b=30d",
            ArchiveKeep(365 * DAY, 2**30, (("a=b", 30 * DAY), ("debug", 7 * DAY))),
        ),
    ],
)
def test_bounds_of_archives_are_ages_a_size_and_ages_of_types(
    tmp_path: Path, text: str, keep: ArchiveKeep | None
) -> None:
    assert load_settings({"archive_keep": text}, {}, tmp_path).settings.archive_keep == keep


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'' is no age or size; give 1y, 50GiB or debug=7d, several of them with commas, or"),
        ("30", "'30' is no age or size; give 1y"),
        ("1y,", "'' is no age or size; give 1y"),
        ("=7d", "'=7d' names no type; give 1y"),
        ("debug=7", "'7' is no duration; write a number and a unit"),
        ("1y,2y", "'2y' is a second bound of the same kind; give one"),
        ("a=7d,a=8d", "'a=8d' is a second bound of the same kind; give one"),
        ("forever,1y", "'forever' is no age or size; give 1y"),
    ],
)
def test_invalid_bounds_of_archives_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"archive_keep": text}, {}, tmp_path)
    assert str(raised.value).startswith(f"archive_keep (option --archive-keep): {reason}")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"archive_keep": "1y,debug=23h"},
            (
                "archive_keep (option --archive-keep) has 23h, shorter than dedupe_window "
                "(default) with 1d; raise it"
            ),
        ),
        (
            {"archive_keep": "7d", "dedupe_window": "8d"},
            (
                "archive_keep (option --archive-keep) has 7d, shorter than dedupe_window "
                "(option --dedupe-window) with 8d; raise it"
            ),
        ),
    ],
)
def test_archives_are_kept_as_long_as_logs_are_recognised(
    tmp_path: Path, options: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(options, {}, tmp_path)
    assert str(raised.value) == sentence
    load_settings({"archive_keep": "1d,1B"}, {}, tmp_path)


def test_bad_value_that_is_overruled_does_no_harm(tmp_path: Path) -> None:
    assert load_settings({"port": "1"}, {"WATERLINE_PORT": "x"}, tmp_path).settings.port == 1


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


def test_help_of_every_setting_ends_with_its_default() -> None:
    assert setting_help("queue_size") == (
        "bytes of logs that may wait before producers are held back (default: 32MiB)"
    )
    for name in setting_names():
        assert re.search(r"\(default: \S+\)$", setting_help(name))


def as_address(parts: tuple[str, int] | None) -> SocketAddress | None:
    return None if parts is None else SocketAddress(*parts)


values = st.fixed_dictionaries(
    {
        "data": st.builds(Path, st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True)),
        "host": st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "localhost"]),
        "port": st.integers(0, 65535),
        "queue_size": st.integers(0, 2**53 - 1),
        "live_buffer": st.integers(0, 2**53 - 1),
        "idle_timeout": st.integers(0, 2**53 - 1),
        "ping_every": st.integers(0, 2**53 - 1),
        "archive_keep": st.none()
        | st.builds(
            ArchiveKeep,
            st.none() | st.integers(DAY, 2**53 - 1),
            st.integers(0, 2**53 - 1),
            st.sampled_from([(), (("a b", DAY), ("debug", 7 * DAY))]),
        ),
        "metrics_seconds": st.integers(0, 1000),
        "metrics_minutes": st.integers(1000, 2**40),
        "metrics_hours": st.integers(2**40, 2**53 - 1),
        "quiet_after": st.none() | st.integers(0, 2**53 - 1),
        "measured_attributes": st.sampled_from([(), ("duration_ms",), ("a b", "größe", "x")]),
        "indexed_attributes": st.sampled_from([(), ("status",), ("http.status_code", "a-b")]),
        "token_connections": st.integers(1, 1_000_000),
        "token_rate": st.none() | st.integers(1, 2**53 - 1),
        "tls_cert": st.just(Path("a/cert.pem")),
        "tls_key": st.just(Path("a/key.pem")),
        "allowed_origins": st.sampled_from([(), ("*",), ("https://a", "http://b:8080")]),
        "syslog_tcp": st.sampled_from([None, ("::1", 0), ("web", 514)]).map(as_address),
        "syslog_from": st.sampled_from([(), ("10.0.0.0/8", "::1/128")]),
        "syslog_timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
    }
)


@given(values)
def test_described_settings_are_parsed_back(values: dict[str, object]) -> None:
    settings = Settings(**values)  # type: ignore[arg-type]
    loaded = LoadedSettings(settings, {each.name: "default" for each in fields(Settings)})
    options: dict[str, str | None] = {name: text for name, text, _ in loaded.describe()}
    assert load_settings(options, {}, Path("no-such-folder")).settings == settings


@pytest.mark.slow
def test_command_settings_prints_each_value_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "waterline.toml").write_text('idle_timeout = "90s"\n')
    done = run_waterline("settings", "--port", "4001", cwd=tmp_path, WATERLINE_HOST="::1")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [re.split(r"  +", line) for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == list(setting_names())
    assert ["port", "4001", "option --port"] in rows
    assert ["host", "::1", "variable WATERLINE_HOST"] in rows
    assert ["idle_timeout", "90s", f"file {tmp_path / 'waterline.toml'}"] in rows
    assert ["monitoring_port", "3002", "default"] in rows


@pytest.mark.slow
def test_command_line_has_option_for_every_setting(tmp_path: Path) -> None:
    texts = {name: text for name, text, _ in load_settings({}, {}, tmp_path).describe()}
    given = [part for name, text in texts.items() for part in (option_name(name), text)]
    done = run_waterline("settings", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "default" not in done.stdout


@pytest.mark.slow
def test_mistake_in_settings_ends_command_with_one_sentence(tmp_path: Path) -> None:
    done = run_waterline("settings", cwd=tmp_path, WATERLINE_PROT="1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "waterline: unknown setting WATERLINE_PROT in the environment; "
        "did you mean WATERLINE_PORT?\n"
    )
    assert "WATERLINE_PROT" not in os.environ
