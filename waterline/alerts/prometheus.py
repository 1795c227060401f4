"""Rules of alerts as a rules file of Prometheus, as far as /metrics can tell them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waterline.alerts.rules import AlertRule
from waterline.query_text.parse import TextQuery, parse

_BY_TYPE: Final = "waterline_logs_stored_total"
_BY_SOURCE: Final = "waterline_source_logs_stored_total"
_VALUES: Final = "waterline_attribute_bucket"


@dataclass(frozen=True, slots=True)
class PrometheusRules:
    """A rules file, and why rules are not in it."""

    text: str
    left_out: tuple[tuple[str, str], ...]
    """Names of rules, each with the reason."""


def prometheus_rules(
    rules: Sequence[AlertRule], measured_attributes: Sequence[str]
) -> PrometheusRules:
    """Return the rules that metrics express, as YAML for `rule_files` of Prometheus.

    Args:
        rules: the rules.
        measured_attributes: attributes of which /metrics has histograms.
    """
    lines, left_out = ["groups:", "  - name: waterline", "    rules:"], []
    for rule in rules:
        try:
            expression = _expression(rule, measured_attributes)
        except _Inexpressible as error:
            left_out.append((rule.name, str(error)))
            continue
        lines += [
            f"      - alert: {_quoted(rule.name)}",
            f"        expr: {_quoted(expression)}",
            f"        for: {rule.lasting // 1000}s",
            "        annotations:",
            f"          summary: {_quoted(_plain(rule.condition()))}",
        ]
    if len(lines) == 3:
        lines[-1] += " []"
    return PrometheusRules("\n".join([*lines, ""]), tuple(left_out))


class _Inexpressible(Exception):
    """No metric tells a rule; the sentence says why."""


def _expression(rule: AlertRule, measured_attributes: Sequence[str]) -> str:
    query, window = parse(rule.query), f"[{rule.over // 1000}s]"
    if rule.by not in (None, "type", "source"):
        raise _Inexpressible(f"metrics are not by {rule.by}")
    by = f" by ({rule.by})" if rule.by else ""
    how = ">" if rule.above is not None else "<"
    compared = f"{how} {rule.threshold:g}"
    if rule.kind == "percentile":
        if rule.attribute not in measured_attributes:
            raise _Inexpressible(
                f"{rule.attribute} is none of measured_attributes, so there is no histogram of it"
            )
        labels = _matchers(query, "type", rule)
        chosen = ", ".join([f"attribute={_quoted(rule.attribute or '')}", *labels])
        grouped = "le, type" if rule.by else "le"
        q = (rule.q or 0.0) / 100
        buckets = f"sum by ({grouped}) (rate({_VALUES}{{{chosen}}}{window}))"
        return f"histogram_quantile({q:g}, {buckets}) {compared}"
    dimension = rule.by or _dimension(query, parse(rule.of))
    metric = _BY_TYPE if dimension == "type" else _BY_SOURCE
    counted = f"{metric}{_braced(_matchers(query, dimension, rule))}{window}"
    if rule.kind == "rate":
        value = f"sum{by} (rate({counted}))"
    elif rule.kind == "share":
        of = f"{metric}{_braced(_matchers(parse(rule.of), dimension, rule))}{window}"
        both = _braced(
            [*_matchers(query, dimension, rule), *_matchers(parse(rule.of), dimension, rule)]
        )
        return f"sum{by} (increase({metric}{both}{window})) / sum{by} (increase({of})) {compared}"
    else:
        value = f"sum{by} (increase({counted}))"
    # Where nothing ever came, Prometheus has no series to compare.
    lacks = rule.above is None and not rule.by
    return f"({value} or vector(0)) {compared}" if lacks else f"{value} {compared}"


def _dimension(query: TextQuery, of: TextQuery) -> str:
    by_source = query.sources or query.without_sources or of.sources or of.without_sources
    return "source" if by_source else "type"


def _matchers(query: TextQuery, dimension: str, rule: AlertRule) -> list[str]:
    """Return the label matchers of a query."""
    if dimension == "type":
        told = TextQuery(types=query.types, without_types=query.without_types)
        wanted, unwanted = query.types, query.without_types
    else:
        told = TextQuery(sources=query.sources, without_sources=query.without_sources)
        wanted, unwanted = query.sources, query.without_sources
    if rule.kind == "percentile" and rule.by == "source":
        raise _Inexpressible("histograms of attributes are by type, not by source")
    if query != told:
        raise _Inexpressible(f"metrics tell {dimension}s alone, and the query asks for more")
    found = [] if wanted is None else [f"{dimension}=~{_quoted('|'.join(map(_escaped, wanted)))}"]
    if unwanted:
        found.append(f"{dimension}!~{_quoted('|'.join(map(_escaped, unwanted)))}")
    return found


def _braced(matchers: Sequence[str]) -> str:
    return f"{{{', '.join(matchers)}}}" if matchers else ""


def _escaped(text: str) -> str:
    """Return a text as a regular expression of RE2, anchored as Prometheus does."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _plain(text: str) -> str:
    """Return a text that a template of Prometheus leaves as it is."""
    return text.replace("{{", '{{"{{"}}')


def _quoted(text: str) -> str:
    """Return a text in quotes, as YAML and PromQL read it."""
    return json.dumps(text, ensure_ascii=False)
