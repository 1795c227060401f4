#!/bin/sh
# Good guess: a log exporter that is answered 301, 307 or 308 sends the batch to the Location, as the same
#   project's HTTP library would, or at least tells that the batch was not taken.
# Versions: opentelemetry-exporter-otlp-proto-http 1.45.2, opentelemetry-sdk 1.45.2.
# Behaviour: every 3xx, 304 too, is SUCCESS: nothing is sent elsewhere, nothing is logged, and the batch is
#   gone. Only from 400 on it is a failure that is told. So a proxy that moves http to https, or adds a slash,
#   silently drops all logs.
# Way out: a server of this protocol never answers with a redirect.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-sdk==1.45.2
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import logging
import threading

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

told: list[str] = []
watch = logging.Handler()
watch.emit = lambda record: told.append(record.getMessage())
logging.getLogger("opentelemetry").addHandler(watch)
logging.getLogger("opentelemetry").propagate = False
requests: list[str] = []


class Server(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        requests.append(self.path)
        self.send_response(self.status)
        self.send_header("Location", "/moved/v1/logs")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{server.server_port}/v1/logs")
results: list[str] = []


class Recorder:
    def export(self, batch):
        result = exporter.export(batch)
        results.append(result.name)
        return result

    def force_flush(self, *_):
        return True

    def shutdown(self):
        pass


provider = LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(Recorder()))
seen = {}
for Server.status in (301, 304, 307, 308, 400):
    told.clear(), requests.clear(), results.clear()
    provider.get_logger("app").emit(LogRecord(body="order accepted"))
    seen[Server.status] = (results[0], len(requests), len(told))
    print(f"{Server.status}: {results[0]}, {len(requests)} request, {len(told)} lines logged")
lost = {status: ("SUCCESS", 1, 0) for status in (301, 304, 307, 308)}
assert seen == lost | {400: ("FAILURE", 1, 1)}, seen
PYTHON
