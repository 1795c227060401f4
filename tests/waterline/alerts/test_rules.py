"""Rules of alerts are read from TOML, or refused by their name and member."""

import tomllib
from pathlib import Path

import pytest

from waterline.alerts.rules import AlertRule, parse_rules
from waterline.errors import SettingsError
from waterline.settings.model import load_settings

WHOLE = """
[[alerts]]
name = "many errors"
kind = "count"
query = 'type:error -path:/health'
above = 100
over = "1min"
for = "2min"
by = "source"
webhook = "https://user:secret@example.com:8443/hook?key=secret"

[[alerts]]
name = "slow"
kind = "percentile"
attribute = "http.duration_ms"
q = 99
below = 0.5

[[alerts]]
name = "quiet"
kind = "absence"
query = "source:web"
over = "1h"
"""


def rules_of(text: str) -> tuple[AlertRule, ...]:
    return parse_rules(tomllib.loads(text)["alerts"], "waterline.toml")


def table(**changed: object) -> list[dict[str, object]]:
    rule: dict[str, object] = {"name": "x", "kind": "count", "above": 1}
    return [{key: value for key, value in (rule | changed).items() if value is not None}]


def test_each_member_becomes_its_part_of_a_rule() -> None:
    errors, slow, quiet = rules_of(WHOLE)
    assert errors == AlertRule(
        name="many errors",
        kind="count",
        query="type:error -path:/health",
        above=100.0,
        over=60_000,
        lasting=120_000,
        by="source",
        webhook="https://user:secret@example.com:8443/hook?key=secret",
    )
    assert errors.condition() == "count above 100 in 1min by source for 2min"
    assert errors.receiver == "https://example.com:8443"
    assert slow.condition() == "p99 of http.duration_ms below 0.5 in 5min"
    assert (slow.threshold, slow.is_met(0.4), slow.is_met(0.5), slow.is_met(None)) == (
        0.5,
        True,
        False,
        False,
    )
    assert quiet.condition() == "no log in 1h"
    assert (quiet.is_met(0.0), quiet.is_met(1.0)) == (True, False)
    assert (errors.is_met(100.0), errors.is_met(101.0)) == (False, True)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({}, "begin each with [[alerts]]"),
        ([1], "begin each with [[alerts]]"),
        (table() * 51, "has 51 alerts; 50 are possible"),
        (table() * 2, "alert 'x' in a.toml, name: another alert has it too"),
        (table(name=None), "alert 1 in a.toml, name: give a text"),
        (table(name=5), "alert 1 in a.toml, name: 5 is no text"),
        (table(name="a\nb"), "name: give a text"),
        (table(colour=1), "alert 'x' in a.toml, colour: there is no such member"),
        (table(kind="max"), "kind: give one of count, rate, share, percentile, absence"),
        (table(kind=None), "kind: give one of count"),
        (table(above=None), "above: give a threshold, either above or below"),
        (table(below=2), "above: give a threshold, either above or below"),
        (table(above=True), "above: True is no number"),
        (table(above="1"), "above: '1' is no number"),
        (table(above=float("inf")), "above: inf is no number"),
        (table(kind="absence"), "above: an absence has no threshold"),
        (table(kind="share", above=2), "above: 2 is no share"),
        (table(of="a"), "of: only a share has it, and this is a count"),
        (table(q=5), "q: only a percentile has it"),
        (table(kind="percentile", q=5), "attribute: name the attribute"),
        (table(kind="percentile", attribute="ms"), "q: give the percentile"),
        (table(kind="percentile", attribute="ms", q=101), "q: give the percentile"),
        (table(query='a "b'), """query: the query 'a "b', position 3: this quote has no end"""),
        (table(query='path~"("'), "query: the query 'path~\"(\"', position 6: RE2 reads"),
        (table(query=5), "query: 5 is no text"),
        (table(over="5"), "over: '5' is no duration"),
        (table(over="9s"), "over: '9s' is none of whole seconds from 10s to 1d"),
        (table(over="2d"), "over: '2d' is none of whole seconds"),
        (table(over="10500ms"), "over: '10500ms' is none of whole seconds"),
        (table(**{"for": "2d"}), "for: '2d' is none of whole seconds from 0ms to 1d"),
        (table(by="message"), "by: 'message' is no group"),
        (table(webhook="example.com"), "webhook: give an address such as https://"),
        (table(webhook="ftp://example.com"), "webhook: give an address"),
        (table(webhook="http://[x"), "webhook: give an address"),
        (table(webhook="http://x:99999999/"), "webhook: give an address"),
        (table(webhook="http://x/\r\nHost: y"), "webhook: give an address"),
    ],
)
def test_bad_rule_is_told_by_name_and_member(tables: object, says: str) -> None:
    with pytest.raises(SettingsError) as told:
        parse_rules(tables, "a.toml")
    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


def test_address_of_a_webhook_is_not_shown_where_it_is_refused() -> None:
    with pytest.raises(SettingsError) as told:
        parse_rules(table(webhook="ftp://user:secret@example.com"), "a.toml")
    assert "secret" not in str(told.value)


def test_rules_are_read_with_the_settings_of_either_file(tmp_path: Path) -> None:
    (tmp_path / "waterline.toml").write_text(f"port = 5\n{WHOLE}")
    loaded = load_settings({}, {}, tmp_path)
    assert [each.name for each in loaded.alerts] == ["many errors", "slow", "quiet"]
    assert loaded.settings.port == 5
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert load_settings({}, {}, elsewhere).alerts == ()
    found = load_settings({"data": str(tmp_path)}, {}, elsewhere).alerts
    assert found == loaded.alerts
    (tmp_path / "waterline.toml").write_text(WHOLE.replace('"1h"', '"1x"'))
    with pytest.raises(SettingsError, match=r"alert 'quiet' in .*waterline\.toml, over"):
        load_settings({}, {}, tmp_path)


def test_example_of_the_documents_has_rules() -> None:
    page = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert [each.kind for each in rules_of(example)] == ["count", "percentile", "share", "absence"]
