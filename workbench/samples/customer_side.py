"""The services that customers and clerks reach over HTTP: customer API and billing API."""

from workbench.samples.lines import Line, Menu, Service, refused, request
from workbench.samples.rhythm import CUSTOMERS, OFFICE

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
        Line(
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
        Line(9, "debug", "Tariff of district {district} read from the cache", ("district",)),
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
