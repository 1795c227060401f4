"""The Grafana dashboard: it asks for what a server really exposes, and for all of it."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.pages import ask
from tests.support.processes import ServerProcess

FILE = Path(__file__).parents[2] / "grafana" / "waterline.json"
FALLBACKS = (" or on() vector(0)", '"none yet", "", "")')
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def dashboard() -> dict[str, Any]:
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Any])


def panels() -> list[dict[str, Any]]:
    return [each for each in dashboard()["panels"] if each["type"] != "row"]


def expressions() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*found, *[each["definition"] for each in variables() if "definition" in each]]


def variables() -> list[dict[str, Any]]:
    return [*dashboard()["templating"]["list"]]


def exposed(family: Metric) -> set[str]:
    """Return the names by which a family may be asked for."""
    return {family.name + suffix for suffix in SUFFIXES[family.type]}


@pytest.mark.slow
def test_every_panel_asks_for_what_server_exposes_and_none_is_left_out(
    server: ServerProcess,
) -> None:
    text = ask(server, "/metrics?format=prometheus").text
    families = [exposed(each) for each in text_string_to_metric_families(text)]
    asked = {name for each in expressions() for name in re.findall(r"\bwaterline_\w+", each)}
    assert len(asked) > 20
    assert asked <= set().union(*families)
    assert [each for each in families if not each & asked] == []


@pytest.mark.slow
def test_every_counter_has_sample_before_first_log_or_query_without(
    server: ServerProcess,
) -> None:
    text = ask(server, "/metrics?format=prometheus").text
    there = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert "waterline_logs_rejected_total" in there
    for each in expressions():
        missing = set(re.findall(r"\bwaterline_\w+", each)) - there
        # A quantile of what nobody has measured is none; all else is 0 until something comes.
        is_quantile = each.startswith("histogram_quantile")
        assert not missing or is_quantile or each.endswith(FALLBACKS), each


def test_zeros_before_first_log_have_name_where_others_have_one() -> None:
    for target in (target for panel in panels() for target in panel["targets"]):
        _, is_there, zero = target["expr"].partition(" or on() ")
        if is_there and (names := re.findall(r"{{(\w+)}}", target["legendFormat"])):
            assert zero == f'label_replace(vector(0), "{names[0]}", "none yet", "", "")'


def test_labels_are_those_that_there_are() -> None:
    known = {
        "le",
        "type",
        "source",
        "reason",
        "outcome",
        "attribute",
        "instance",
        "endpoint",
        "alert",
    }
    for each in expressions():
        for labels in re.findall(r"\bby \(([^)]*)\)", each):
            assert {label.strip() for label in labels.split(",")} <= known


def test_dashboard_leaves_data_source_to_importer() -> None:
    assert [each["name"] for each in variables()] == ["datasource", "instance"]
    for panel in panels():
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all('{instance=~"$instance"}' in each["expr"] for each in panel["targets"])


def test_panels_have_words_and_do_not_overlap() -> None:
    whole = dashboard()
    assert len({each["id"] for each in whole["panels"]}) == len(whole["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in whole["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    assert all(each["description"] for each in panels())
