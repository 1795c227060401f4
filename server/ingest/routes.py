"""Paths of the ingest port."""

from typing import Any, Final

from tornado.routing import Rule

from server.connections import Connections
from server.ingest import elastic
from server.ingest.bulk import BulkPost
from server.ingest.gelf import GelfPost
from server.ingest.http import IngestPost, IsPost
from server.ingest.loki import LokiPush, LokiReady
from server.ingest.otlp import OtlpLogs
from server.ingest.splunk import SplunkEvents, SplunkHealth, SplunkRaw
from server.ingest.websocket import IngestSocket

PATHS: Final = (
    "/ingest for WebSockets and POST, and for POST /v1/logs (OTLP), /loki/api/v1/push, /_bulk, "
    "/services/collector and /gelf"
)
"""What there is, for the answer at other paths."""
_SETUP: Final = (
    r"/_(?:index_template|template|component_template|ilm/policy|ingest/pipeline|data_stream)/(.+)"
)
_COLLECTOR: Final = "/services/collector"


def rules(connections: Connections) -> list[Rule | tuple[Any, ...]]:
    """Return the rules of all paths on which logs come in.

    Args:
        connections: the shared state.
    """
    shared = {"connections": connections}
    return [
        Rule(IsPost(), IngestPost, shared),
        Rule(elastic.IsHandshake(), elastic.ElasticAbout, shared),
        (r"/(?:ingest)?", IngestSocket, shared),
        (r"/v1/logs/?", OtlpLogs, shared),
        (r"/loki/api/v1/push/?", LokiPush, shared),
        (r"/ready", LokiReady),
        (r"/_bulk/?", BulkPost, shared),
        (r"/([^/_][^/]*)/_bulk/?", BulkPost, shared),
        (r"/_license", elastic.ElasticLicense, shared),
        (r"/_cluster/health", elastic.ElasticHealth, shared),
        (_SETUP, elastic.ElasticSetup, shared),
        (rf"{_COLLECTOR}(?:/event)?(?:/1\.0)?/?", SplunkEvents, shared),
        (rf"{_COLLECTOR}/raw(?:/1\.0)?/?", SplunkRaw, shared),
        (rf"{_COLLECTOR}/health(?:/1\.0)?/?", SplunkHealth),
        (r"/gelf/?", GelfPost, shared),
    ]
