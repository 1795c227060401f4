"""The services of the water utility, and what each writes: over HTTP, at the works, at night."""

from workbench.samples.templates import (
    CUSTOMERS,
    OFFICE,
    STEADY,
    Menu,
    Service,
    Template,
    between,
    refused,
    request,
)

_TELEMETRY_SLOW = "telemetry-gateway slow, answered from an old cache"
_TELEMETRY_DOWN = "telemetry-gateway timed out and the cache has expired"
_ACCOUNT_SLOW = "customer-api slow, account read at attempt {attempt}"
_ACCOUNT_DOWN = "customer-api gave no account"

CUSTOMER_API = Service(
    "customer-api",
    share=24,
    rhythm=CUSTOMERS,
    usual=Menu(
        request(34, "GET", "/v1/usage", 200, 48.0),
        request(18, "GET", "/v1/account", 200, 21.0),
        request(14, "GET", "/v1/outages", 200, 30.0),
        request(10, "POST", "/v1/login", 200, 120.0, spread=0.15),
        request(7, "POST", "/v1/meter-readings", 201, 65.0),
        request(6, "GET", "/v1/usage", 304, 8.0),
        Template(
            11,
            "debug",
            "Usage of meter {meter} found in the cache",
            ("meter", "request_id"),
        ),
    ),
    warnings=Menu(
        refused(4, "warning", "POST", "/v1/login", 401, "wrong password", 110.0),
        refused(2, "warning", "GET", "/v1/usage", 404, "no meter {meter}", 12.0, fields=("meter",)),
        refused(2, "warning", "POST", "/v1/meter-readings", 422, "reading below the last", 18.0),
        refused(1, "warning", "GET", "/v1/outages", 429, "too many requests", 2.0),
    ),
    errors=Menu(
        refused(1, "error", "GET", "/v1/account", 500, "unexpected answer of the register", 90.0),
        refused(1, "error", "GET", "/v1/usage", 500, "unit of meter not known", 40.0),
    ),
    warning_share=0.03,
    incident_warnings=Menu(
        refused(3, "warning", "GET", "/v1/usage", 200, _TELEMETRY_SLOW, 1_500.0, spread=0.12),
        refused(1, "warning", "GET", "/v1/outages", 200, _TELEMETRY_SLOW, 1_200.0, spread=0.12),
    ),
    incident_errors=Menu(
        refused(3, "error", "GET", "/v1/usage", 504, _TELEMETRY_DOWN, 10_012.0, spread=0.0005),
        refused(1, "error", "GET", "/v1/outages", 504, _TELEMETRY_DOWN, 10_012.0, spread=0.0005),
        refused(2, "error", "GET", "/v1/account", 503, "no free worker", 250.0),
    ),
)

BILLING_API = Service(
    "billing-api",
    share=12,
    rhythm=OFFICE,
    usual=Menu(
        request(34, "GET", "/v1/invoices", 200, 70.0),
        request(16, "GET", "/v1/tariffs", 200, 12.0),
        request(14, "POST", "/v1/payments", 201, 210.0, spread=0.2),
        request(10, "POST", "/v1/payments/confirmations", 202, 38.0),
        request(8, "GET", "/v1/invoices/pdf", 200, 420.0, spread=0.2),
        Template(9, "debug", "Tariff of district {district} read from the cache", ("district",)),
    ),
    warnings=Menu(
        refused(3, "warning", "POST", "/v1/payments", 402, "declined by the bank", 650.0),
        refused(2, "warning", "GET", "/v1/invoices", 404, "no such invoice", 20.0),
        refused(1, "warning", "GET", "/v1/invoices/pdf", 200, "rendering was slow", 2_300.0),
    ),
    errors=Menu(
        refused(2, "error", "POST", "/v1/payments", 502, "bank gave no answer", 3_000.0),
        refused(1, "error", "GET", "/v1/invoices/pdf", 500, "template of invoice broken", 60.0),
    ),
    incident_warnings=Menu(
        refused(
            1,
            "warning",
            "GET",
            "/v1/invoices",
            200,
            _ACCOUNT_SLOW,
            2_100.0,
            spread=0.12,
            fields=("attempt",),
        ),
    ),
    incident_errors=Menu(
        refused(3, "error", "GET", "/v1/invoices", 504, _ACCOUNT_DOWN, 12_012.0, spread=0.0005),
        refused(2, "error", "POST", "/v1/payments", 503, "no free worker", 300.0),
    ),
)


TELEMETRY_GATEWAY = Service(
    "telemetry-gateway",
    share=30,
    rhythm=STEADY,
    usual=Menu(
        Template(
            58,
            "info",
            "Stored {readings} readings from {station} in {duration_ms} ms",
            ("station", "readings", "request_id"),
            median_ms=14.0,
            spread=0.22,
        ),
        Template(
            20,
            "info",
            "Latest readings of {station} sent in {duration_ms} ms",
            ("station", "request_id"),
            median_ms=6.0,
        ),
        Template(
            12,
            "info",
            "Heartbeat of {station}: {pressure_bar} bar, {flow_lps} l/s",
            ("station", "pressure_bar", "flow_lps"),
        ),
        Template(
            10,
            "debug",
            "Decoded frame of {readings} readings from {station}",
            ("station", "readings"),
        ),
    ),
    warnings=Menu(
        Template(3, "warning", "Meter {meter} reported {late_s} s late", ("meter", "late_s")),
        Template(
            1,
            "warning",
            "Clock of {station} is off by {drift_ms} ms",
            ("station", "drift_ms"),
        ),
    ),
    errors=Menu(
        Template(2, "error", "Frame from {station} rejected: wrong checksum", ("station",)),
        Template(1, "error", "Meter {meter} sent a reading below its last one", ("meter",)),
    ),
    incident_warnings=Menu(
        Template(
            2,
            "warning",
            "Connection pool exhausted: 40 of 40 in use, {waiting} writes waiting",
            ("waiting",),
        ),
        Template(
            1,
            "warning",
            "Slow write: {readings} readings from {station} took {duration_ms} ms",
            ("station", "readings", "request_id"),
            median_ms=1_900.0,
            spread=0.15,
        ),
    ),
    incident_errors=Menu(
        Template(
            3,
            "error",
            "Write of {readings} readings from {station} timed out after {duration_ms} ms:"
            " no free connection",
            ("station", "readings", "request_id"),
            median_ms=5_012.0,
            spread=0.0005,
        ),
        Template(
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
        Template(
            40,
            "info",
            "Pump {pump} at {station}: {flow_lps} l/s at {pressure_bar} bar,"
            " checked in {duration_ms} ms",
            ("station", "pump", "flow_lps", "pressure_bar", "request_id"),
            median_ms=22.0,
        ),
        Template(
            20,
            "info",
            "Pump {pump} at {station} set to {speed_rpm} rpm in {duration_ms} ms",
            ("station", "pump", "speed_rpm", "request_id"),
            median_ms=85.0,
            spread=0.2,
        ),
        Template(
            12,
            "debug",
            "Control loop of pump {pump} at {station} took {duration_ms} ms",
            ("station", "pump"),
            median_ms=9.0,
        ),
    ),
    warnings=Menu(
        Template(
            3,
            "warning",
            "Pressure at {station} fluctuates around {pressure_bar} bar",
            ("station", "pressure_bar"),
        ),
        Template(2, "warning", "Pump {pump} at {station} vibrates", ("station", "pump")),
    ),
    errors=Menu(
        Template(1, "error", "Pump {pump} at {station} tripped; restarted", ("station", "pump")),
    ),
    incident_warnings=Menu(
        Template(
            1,
            "warning",
            "Readings of {station} are {stale_s} s old; pump {pump} holds its set point",
            ("station", "pump", "stale_s"),
        ),
        Template(
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
        Template(
            3,
            "error",
            "Readings of {station} not read: telemetry-gateway timed out after {duration_ms} ms",
            ("station", "request_id"),
            median_ms=6_012.0,
            spread=0.0005,
        ),
        Template(
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
        Template(
            30,
            "info",
            "Valve {valve} at {station} moved to {opening_percent} % in {duration_ms} ms",
            ("station", "valve", "opening_percent", "request_id"),
            median_ms=340.0,
            spread=0.18,
        ),
        Template(
            30,
            "info",
            "Valve {valve} at {station}: {pressure_bar} bar behind it, checked in {duration_ms} ms",
            ("station", "valve", "pressure_bar", "request_id"),
            median_ms=45.0,
        ),
        Template(
            8,
            "debug",
            "Interlock of valve {valve} at {station} released",
            ("station", "valve"),
        ),
    ),
    warnings=Menu(
        Template(
            2,
            "warning",
            "Valve {valve} at {station} moved slowly: {duration_ms} ms; grease it",
            ("station", "valve", "request_id"),
            median_ms=1_600.0,
            spread=0.1,
        ),
        Template(
            1, "warning", "Battery of valve {valve} at {station} is low", ("station", "valve")
        ),
    ),
    errors=Menu(
        Template(
            1,
            "error",
            "Valve {valve} at {station} stopped short of its position",
            ("station", "valve"),
        ),
    ),
    incident_warnings=Menu(
        Template(
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
        Template(
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


BATCH_JOBS = "batch-jobs"
METER_IMPORT_MINUTES = (30, 100)
INVOICE_RUN_MINUTES = (120, 220)
LEAK_REPORT_MINUTES = (250, 290)

METER_IMPORT = Service(
    BATCH_JOBS,
    share=3,
    rhythm=between(*METER_IMPORT_MINUTES),
    attributes={"job": "meter-import"},
    usual=Menu(
        Template(
            8,
            "info",
            "Imported {rows} meter readings of district {district} in {duration_ms} ms",
            ("district", "rows"),
            median_ms=900.0,
        ),
        Template(1, "debug", "Meter {meter} has no reading yet", ("meter",)),
    ),
    warnings=Menu(Template(1, "warning", "Reading of meter {meter} implausible: kept", ("meter",))),
    errors=Menu(Template(1, "error", "Reading of meter {meter} unreadable: left out", ("meter",))),
)

INVOICE_RUN = Service(
    BATCH_JOBS,
    share=3,
    rhythm=between(*INVOICE_RUN_MINUTES),
    attributes={"job": "invoice-run"},
    usual=Menu(
        Template(
            8,
            "info",
            "Priced {rows} items of usage in district {district} in {duration_ms} ms",
            ("district", "rows"),
            median_ms=2_600.0,
        ),
        Template(1, "debug", "Tariff of district {district} loaded", ("district",)),
    ),
    warnings=Menu(Template(1, "warning", "Usage of meter {meter} estimated", ("meter",))),
    errors=Menu(Template(1, "error", "No tariff for meter {meter}: invoice held back", ("meter",))),
)

LEAK_REPORT = Service(
    BATCH_JOBS,
    share=1,
    rhythm=between(*LEAK_REPORT_MINUTES),
    attributes={"job": "leak-report"},
    usual=Menu(
        Template(
            8,
            "info",
            "Night flow of {station} is {flow_lps} l/s; compared {rows} readings"
            " in {duration_ms} ms",
            ("station", "flow_lps", "rows"),
            median_ms=1_400.0,
        ),
        Template(1, "debug", "Baseline of {station} loaded", ("station",)),
    ),
    warnings=Menu(
        Template(
            1,
            "warning",
            "Night flow of {station} is {flow_lps} l/s, above its baseline: leak suspected",
            ("station", "flow_lps"),
        )
    ),
    errors=Menu(Template(1, "error", "No baseline for district {district}", ("district",))),
)
