"""Requests with which clients of Elasticsearch find out what they talk to."""

from typing import Final

import msgspec
import tornado.routing
from tornado.httputil import HTTPServerRequest

from server.connections import Connections
from server.endpoint import WITH_BASIC, Endpoint
from server.ingest.bulk import PRODUCT
from waterline.tokens import Scope

# Of the API that is spoken. Clients of other major versions refuse a newer or older server.
VERSION: Final = "8.19.0"
_ABOUT: Final = {
    "name": "waterline",
    "cluster_name": "waterline",
    "cluster_uuid": "waterline",
    "version": {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "tar",
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    },
    "tagline": "You Know, for Search",
}
_CLUSTER: Final = {"cluster_name": "waterline", "status": "green", "timed_out": False}
_LICENSE: Final = {"license": {"status": "active", "type": "basic", "mode": "basic"}}


class IsHandshake(tornado.routing.Matcher):
    """Matches a plain GET or HEAD of /; with `Upgrade` it is a WebSocket."""

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        """Return no arguments for such a request, else None."""
        is_plain = request.method in ("GET", "HEAD") and "Upgrade" not in request.headers
        return {} if is_plain and request.path == "/" else None


class _Elastic(Endpoint):
    """Answer to a client of Elasticsearch that holds a token."""

    challenge = WITH_BASIC

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        self.connections = connections

    def set_default_headers(self) -> None:
        """Say what clients look for before they read an answer."""
        self.set_header(*PRODUCT)

    def prepare(self) -> None:
        """Admit only a token that may send logs."""
        if self.accepts_origin():
            self.authorise(self.connections.tokens, Scope.INGEST)

    def tell(self, value: object) -> None:
        """Answer with a JSON value."""
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(value))


class ElasticAbout(_Elastic):
    """GET /, the version and the product."""

    def get(self) -> None:
        """Answer as Elasticsearch does."""
        self.tell(_ABOUT)

    head = get


class ElasticLicense(_Elastic):
    """GET /_license, which Logstash and Filebeat ask for."""

    def get(self) -> None:
        """Answer that nothing expires."""
        self.tell(_LICENSE)


class ElasticHealth(_Elastic):
    """GET /_cluster/health, which Vector asks for."""

    def get(self) -> None:
        """Answer that the server is there; how it fares is told by /health."""
        self.tell(_CLUSTER)


class ElasticSetup(_Elastic):
    """Templates, policies and pipelines that shippers set up before they send; all are there."""

    def get(self, _: str) -> None:
        """Answer that it is there."""
        self.tell({})

    head = get

    def put(self, _: str) -> None:
        """Answer that it was set up."""
        self.tell({"acknowledged": True})

    post = put
