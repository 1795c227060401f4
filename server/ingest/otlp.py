"""POST /v1/logs: OTLP over HTTP, protobuf and JSON (opentelemetry.io, OTLP 1.9)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from server.ingest.entries import Entries
from server.ingest.otlp_json import read_json
from server.ingest.otlp_records import OtlpBatch
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.responses import Fault

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
# Codes of gRPC (grpc/status.h), by HTTP status; others are 2, unknown.
_CODES: Final = {400: 3, 401: 16, 403: 7, 413: 8, 415: 3, 429: 8, 503: 14}


class OtlpLogs(ShipperPost):
    """Request of an exporter of OpenTelemetry, answered in its own content type."""

    endpoint = "/v1/logs"

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the records of all resources and scopes.

        Raises:
            Unreadable: the body is no request of OTLP.
        """
        found = _read_protobuf(content) if self._is_protobuf() else read_json(content)
        for batch in found:
            yield Entries(batch.columns(), batch.size, repeated=batch.repeated)

    def respond(self, reply: Reply) -> None:
        """Answer 200, with the number of records that are refused and why."""
        rejected = reply.get("rejected", len(reply["errors"]))
        message = reply["errors"][0]["message"] if reply["errors"] else ""
        self.set_header("Content-Type", _PROTOBUF if self._is_protobuf() else _JSON)
        self.finish(self._answer(rejected, message))

    def fault_body(self, status: int, fault: Fault) -> tuple[str, bytes]:
        """Return the status that OTLP asks for in errors, in the type of the request."""
        code = _CODES.get(status, 2)
        if not self._is_protobuf():
            return _JSON, msgspec.json.encode({"code": code, "message": fault.message})
        from server.ingest import protobuf  # most servers never need its 8 MB

        return _PROTOBUF, protobuf.Status(code=code, message=fault.message).SerializeToString()

    def _answer(self, rejected: int, message: str) -> bytes:
        if not self._is_protobuf():
            # 64-bit numbers are texts in the JSON of protobuf.
            partial = {"rejectedLogRecords": str(rejected), "errorMessage": message}
            return msgspec.json.encode({"partialSuccess": partial} if rejected else {})
        if not rejected:
            return b""
        from server.ingest import protobuf  # most servers never need its 8 MB

        response = protobuf.ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = message
        return response.SerializeToString()

    def _is_protobuf(self) -> bool:
        return self.content_type in (_PROTOBUF, "application/protobuf")


def _read_protobuf(content: bytes) -> Iterator[OtlpBatch]:
    from server.ingest.otlp_protobuf import read_protobuf  # most servers never need its 8 MB

    return read_protobuf(content)
