"""Rules become those of Prometheus where metrics express them."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from waterline.alerts.prometheus import prometheus_rules
from waterline.alerts.rules import parse_rules

RULES = """
[[alerts]]
name = 'say "hi" \\\\ {{ $value }}'
kind = "count"
query = 'type:error type:"a.b|c" -type:d'
above = 100
for = "10min"
[[alerts]]
name = "rate"
kind = "rate"
query = "source:web"
below = 0.5
[[alerts]]
name = "share"
kind = "share"
query = "type:error"
of = "-type:debug"
above = 0.1
over = "1h"
[[alerts]]
name = "p99"
kind = "percentile"
query = "type:request"
attribute = "duration_ms"
q = 99.9
above = 250
by = "type"
[[alerts]]
name = "quiet"
kind = "absence"
[[alerts]]
name = "by"
kind = "count"
above = 5
by = "source"
[[alerts]]
name = "unmeasured"
kind = "percentile"
attribute = "bytes"
q = 50
above = 1
[[alerts]]
name = "of attributes"
kind = "count"
query = "status>=500"
above = 1
[[alerts]]
name = "by attribute"
kind = "count"
by = "user"
above = 1
[[alerts]]
name = "by the other"
kind = "count"
query = "type:error"
by = "source"
above = 1
"""
EXPRESSIONS = [
    r'sum (increase(waterline_logs_stored_total{type=~"error|a\\.b\\|c", type!~"d"}[300s])) > 100',
    '(sum (rate(waterline_source_logs_stored_total{source=~"web"}[300s])) or vector(0)) < 0.5',
    (
        'sum (increase(waterline_logs_stored_total{type=~"error", type!~"debug"}[3600s])) / '
        'sum (increase(waterline_logs_stored_total{type!~"debug"}[3600s])) > 0.1'
    ),
    (
        "histogram_quantile(0.999, sum by (le, type) (rate(waterline_attribute_bucket"
        '{attribute="duration_ms", type=~"request"}[300s]))) > 250'
    ),
    "(sum (increase(waterline_logs_stored_total[300s])) or vector(0)) < 1",
    "sum by (source) (increase(waterline_source_logs_stored_total[300s])) > 5",
]


def test_rules_that_metrics_express_are_in_the_file_and_others_are_named() -> None:
    rules = parse_rules(tomllib.loads(RULES)["alerts"], "x")
    made = prometheus_rules(rules, ["duration_ms"])
    told = [
        line.removeprefix("        expr: ")
        for line in made.text.splitlines()
        if line.startswith("        expr: ")
    ]
    # As YAML reads a text in quotes.
    assert [each[1:-1].replace('\\"', '"').replace("\\\\", "\\") for each in told] == EXPRESSIONS
    assert [name for name, _ in made.left_out] == [
        *("unmeasured", "of attributes", "by attribute", "by the other"),
    ]
    assert "        for: 600s" in made.text
    assert prometheus_rules([], []).text == "groups:\n  - name: waterline\n    rules: []\n"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_reads_the_file(tmp_path: Path) -> None:
    rules = parse_rules(tomllib.loads(RULES)["alerts"], "x")
    file = tmp_path / "rules.yml"
    file.write_text(prometheus_rules(rules, ["duration_ms"]).text)
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 rules found" in done.stdout
