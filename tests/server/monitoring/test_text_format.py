"""Text formats of Prometheus and OpenMetrics, beside what their own library writes."""

from dataclasses import dataclass

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open

from server.monitoring.text_format import TextWriter


@dataclass
class Families:
    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


@pytest.mark.parametrize("is_open", [False, True])
def test_marks_in_sentence_and_label_are_escaped(*, is_open: bool) -> None:
    about, label = 'a "quote", a \\ and\na line', 'b "quote", a \\ and\na line'
    writer = TextWriter(is_open=is_open)
    writer.gauge("level", about, "", ["z", "a"], [(["1", label], 1e7), (["2", ""], -0.5)])
    family = GaugeMetricFamily("level", about, labels=["z", "a"])
    family.add_metric(["1", label], 1e7)
    family.add_metric(["2", ""], -0.5)
    encode = generate_open if is_open else generate_latest
    assert writer.content() == encode(Families([family]))
