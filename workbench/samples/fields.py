"""The attributes whose values are drawn, and how: stations, pumps, valves, meters, readings."""

from collections.abc import Callable, Mapping, Sequence

from workbench.samples.lines import Draw

Field = Callable[[Draw, float], object]
"""Draws a value; its second argument is the demand for water at that time, from 0 to 1."""

STATIONS = ("harbour", "hillside", "old-mill", "riverbend", "north-tower", "lakeview")
DISTRICTS = ("centre", "docks", "east-bank", "garden-city", "upper-town", "west-bank")


def one_of(values: Sequence[object]) -> Field:
    """Any of the values, each as often."""
    return lambda draw, _: values[int(draw() * len(values))]


def whole(low: int, high: int) -> Field:
    """A whole number from `low` up to and with `high`."""
    return lambda draw, _: low + int(draw() * (high - low + 1))


def _request_id(draw: Draw, _: float) -> str:
    return f"{int(draw() * 2**32):08x}{int(draw() * 2**32):08x}"


def _meter(draw: Draw, _: float) -> str:
    return f"WM-{100_000 + int(draw() * 48_000)}"


def _pressure_bar(draw: Draw, demand: float) -> float:
    return round(5.4 - 1.2 * demand + 0.4 * (draw() - 0.5), 2)


def _flow_lps(draw: Draw, demand: float) -> float:
    return round((14.0 + 52.0 * demand) * (0.85 + 0.3 * draw()), 1)


FIELDS: Mapping[str, Field] = {
    "attempt": whole(2, 4),
    "district": one_of(DISTRICTS),
    "drift_ms": whole(600, 4_000),
    "flow_lps": _flow_lps,
    "late_s": whole(40, 900),
    "meter": _meter,
    "opening_percent": whole(5, 100),
    "pressure_bar": _pressure_bar,
    "pump": one_of(("P1", "P2", "P3", "P4")),
    "readings": whole(8, 48),
    "request_id": _request_id,
    "rows": whole(200, 1_000),
    "speed_rpm": whole(980, 1_480),
    "stale_s": whole(300, 900),
    "station": one_of(STATIONS),
    "valve": one_of([f"V{number}" for number in range(1, 13)]),
    "waiting": whole(12, 96),
}
