"""The services that run the network: telemetry gateway, pump controller, valve controller."""

from workbench.samples.lines import Line, Menu, Service
from workbench.samples.rhythm import STEADY

TELEMETRY_GATEWAY = Service(
    "telemetry-gateway",
    share=30,
    rhythm=STEADY,
    usual=Menu(
        Line(
            58,
            "info",
            "Stored {readings} readings from {station} in {duration_ms} ms",
            ("station", "readings", "request_id"),
            median_ms=14.0,
            spread=0.22,
        ),
        Line(
            20,
            "info",
            "Latest readings of {station} sent in {duration_ms} ms",
            ("station", "request_id"),
            median_ms=6.0,
        ),
        Line(
            12,
            "info",
            "Heartbeat of {station}: {pressure_bar} bar, {flow_lps} l/s",
            ("station", "pressure_bar", "flow_lps"),
        ),
        Line(
            10,
            "debug",
            "Decoded frame of {readings} readings from {station}",
            ("station", "readings"),
        ),
    ),
    warnings=Menu(
        Line(3, "warning", "Meter {meter} reported {late_s} s late", ("meter", "late_s")),
        Line(
            1,
            "warning",
            "Clock of {station} is off by {drift_ms} ms",
            ("station", "drift_ms"),
        ),
    ),
    errors=Menu(
        Line(2, "error", "Frame from {station} rejected: wrong checksum", ("station",)),
        Line(1, "error", "Meter {meter} sent a reading below its last one", ("meter",)),
    ),
    incident_warnings=Menu(
        Line(
            2,
            "warning",
            "Connection pool exhausted: 40 of 40 in use, {waiting} writes waiting",
            ("waiting",),
        ),
        Line(
            1,
            "warning",
            "Slow write: {readings} readings from {station} took {duration_ms} ms",
            ("station", "readings", "request_id"),
            median_ms=1_900.0,
            spread=0.15,
        ),
    ),
    incident_errors=Menu(
        Line(
            3,
            "error",
            "Write of {readings} readings from {station} timed out after {duration_ms} ms:"
            " no free connection",
            ("station", "readings", "request_id"),
            median_ms=5_012.0,
            spread=0.0005,
        ),
        Line(
            1,
            "error",
            "Readings of {station} not available: store gave no answer in {duration_ms} ms",
            ("station", "request_id"),
            median_ms=5_012.0,
            spread=0.0005,
        ),
    ),
)

PUMP_CONTROLLER = Service(
    "pump-controller",
    share=17,
    rhythm=STEADY,
    usual=Menu(
        Line(
            40,
            "info",
            "Pump {pump} at {station}: {flow_lps} l/s at {pressure_bar} bar,"
            " checked in {duration_ms} ms",
            ("station", "pump", "flow_lps", "pressure_bar", "request_id"),
            median_ms=22.0,
        ),
        Line(
            20,
            "info",
            "Pump {pump} at {station} set to {speed_rpm} rpm in {duration_ms} ms",
            ("station", "pump", "speed_rpm", "request_id"),
            median_ms=85.0,
            spread=0.2,
        ),
        Line(
            12,
            "debug",
            "Control loop of pump {pump} at {station} took {duration_ms} ms",
            ("station", "pump"),
            median_ms=9.0,
        ),
    ),
    warnings=Menu(
        Line(
            3,
            "warning",
            "Pressure at {station} fluctuates around {pressure_bar} bar",
            ("station", "pressure_bar"),
        ),
        Line(2, "warning", "Pump {pump} at {station} vibrates", ("station", "pump")),
    ),
    errors=Menu(
        Line(1, "error", "Pump {pump} at {station} tripped; restarted", ("station", "pump")),
    ),
    incident_warnings=Menu(
        Line(
            1,
            "warning",
            "Readings of {station} are {stale_s} s old; pump {pump} holds its set point",
            ("station", "pump", "stale_s"),
        ),
        Line(
            1,
            "warning",
            "telemetry-gateway slow: readings of {station} after {duration_ms} ms,"
            " attempt {attempt}",
            ("station", "attempt", "request_id"),
            median_ms=2_400.0,
            spread=0.12,
        ),
    ),
    incident_errors=Menu(
        Line(
            3,
            "error",
            "Readings of {station} not read: telemetry-gateway timed out after {duration_ms} ms",
            ("station", "request_id"),
            median_ms=6_012.0,
            spread=0.0005,
        ),
        Line(
            1,
            "error",
            "Control of pump {pump} at {station} suspended: readings too old",
            ("station", "pump"),
        ),
    ),
)

VALVE_CONTROLLER = Service(
    "valve-controller",
    share=11,
    rhythm=STEADY,
    usual=Menu(
        Line(
            30,
            "info",
            "Valve {valve} at {station} moved to {opening_percent} % in {duration_ms} ms",
            ("station", "valve", "opening_percent", "request_id"),
            median_ms=340.0,
            spread=0.18,
        ),
        Line(
            30,
            "info",
            "Valve {valve} at {station}: {pressure_bar} bar behind it, checked in {duration_ms} ms",
            ("station", "valve", "pressure_bar", "request_id"),
            median_ms=45.0,
        ),
        Line(
            8,
            "debug",
            "Interlock of valve {valve} at {station} released",
            ("station", "valve"),
        ),
    ),
    warnings=Menu(
        Line(
            2,
            "warning",
            "Valve {valve} at {station} moved slowly: {duration_ms} ms; grease it",
            ("station", "valve", "request_id"),
            median_ms=1_600.0,
            spread=0.1,
        ),
        Line(1, "warning", "Battery of valve {valve} at {station} is low", ("station", "valve")),
    ),
    errors=Menu(
        Line(
            1,
            "error",
            "Valve {valve} at {station} stopped short of its position",
            ("station", "valve"),
        ),
    ),
    incident_warnings=Menu(
        Line(
            1,
            "warning",
            "Valve {valve} at {station} waits for pump-controller: {duration_ms} ms so far,"
            " attempt {attempt}",
            ("station", "valve", "attempt", "request_id"),
            median_ms=3_200.0,
            spread=0.1,
        ),
    ),
    incident_errors=Menu(
        Line(
            1,
            "error",
            "Valve {valve} at {station} not moved:"
            " pump-controller gave no answer in {duration_ms} ms",
            ("station", "valve", "request_id"),
            median_ms=8_012.0,
            spread=0.0005,
        ),
    ),
)
