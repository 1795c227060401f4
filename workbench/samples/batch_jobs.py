"""The jobs of the night: meter import, invoice run, leak report."""

from workbench.samples.lines import Line, Menu, Service
from workbench.samples.rhythm import between

NAME = "batch-jobs"
METER_IMPORT_MINUTES = (30, 100)
INVOICE_RUN_MINUTES = (120, 220)
LEAK_REPORT_MINUTES = (250, 290)

METER_IMPORT = Service(
    NAME,
    share=3,
    rhythm=between(*METER_IMPORT_MINUTES),
    attributes={"job": "meter-import"},
    usual=Menu(
        Line(
            8,
            "info",
            "Imported {rows} meter readings of district {district} in {duration_ms} ms",
            ("district", "rows"),
            median_ms=900.0,
        ),
        Line(1, "debug", "Meter {meter} has no reading yet", ("meter",)),
    ),
    warnings=Menu(Line(1, "warning", "Reading of meter {meter} implausible: kept", ("meter",))),
    errors=Menu(Line(1, "error", "Reading of meter {meter} unreadable: left out", ("meter",))),
)

INVOICE_RUN = Service(
    NAME,
    share=3,
    rhythm=between(*INVOICE_RUN_MINUTES),
    attributes={"job": "invoice-run"},
    usual=Menu(
        Line(
            8,
            "info",
            "Priced {rows} items of usage in district {district} in {duration_ms} ms",
            ("district", "rows"),
            median_ms=2_600.0,
        ),
        Line(1, "debug", "Tariff of district {district} loaded", ("district",)),
    ),
    warnings=Menu(Line(1, "warning", "Usage of meter {meter} estimated", ("meter",))),
    errors=Menu(Line(1, "error", "No tariff for meter {meter}: invoice held back", ("meter",))),
)

LEAK_REPORT = Service(
    NAME,
    share=1,
    rhythm=between(*LEAK_REPORT_MINUTES),
    attributes={"job": "leak-report"},
    usual=Menu(
        Line(
            8,
            "info",
            "Night flow of {station} is {flow_lps} l/s; compared {rows} readings"
            " in {duration_ms} ms",
            ("station", "flow_lps", "rows"),
            median_ms=1_400.0,
        ),
        Line(1, "debug", "Baseline of {station} loaded", ("station",)),
    ),
    warnings=Menu(
        Line(
            1,
            "warning",
            "Night flow of {station} is {flow_lps} l/s, above its baseline: leak suspected",
            ("station", "flow_lps"),
        )
    ),
    errors=Menu(Line(1, "error", "No baseline for district {district}", ("district",))),
)
