"""Real clients of other systems, unchanged: what they log arrives once, with time and level."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import apsw
import pytest

from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LOGS = 300

_OPENTELEMETRY = """
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

exporter = OTLPLogExporter(
    endpoint=url + "/v1/logs",
    headers={"Authorization": "Bearer " + token},
    compression=Compression(sys.argv[4]),
)
provider = LoggerProvider(resource=Resource.create({"shop": "north"}))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
use(LoggingHandler(logger_provider=provider))
provider.shutdown()
"""
_LOKI = """
import logging_loki

use(logging_loki.LokiHandler(
    url=url + "/loki/api/v1/push",
    tags={"shop": "north"},
    auth=("anyone", token),
    version=sys.argv[4],
))
"""
_GELF = """
from pygelf import GelfHttpHandler

host, _, port = url.removeprefix("http://").partition(":")
packed = sys.argv[4] == "zlib"
use(GelfHttpHandler(host, int(port), compress=packed, path="/gelf?token=" + token, _shop="north"))
"""
_ELASTIC = """
from elasticsearch import Elasticsearch, helpers

client = Elasticsearch(url, basic_auth=("anyone", token))
client.info()
documents = (
    {"_index": "logs", "_op_type": sys.argv[4], "@timestamp": time.time(), "shop": "north",
     "log": {"level": "warning"}, "message": f"order {number} failed"}
    for number in range(int(sys.argv[3]))
)
done, errors = helpers.bulk(client, documents, chunk_size=100)
assert not errors
"""
# What each gets before it: the address, and a logger that logs so many warnings.
_HEAD = """
import logging, sys, time

url, token = sys.argv[1:3]

def use(handler):
    logger = logging.getLogger("orders")
    logger.addHandler(handler)
    for number in range(int(sys.argv[3])):
        logger.warning("order %d failed", number)
"""
CLIENTS = {
    "OpenTelemetry": (_OPENTELEMETRY, ("none", "gzip", "deflate")),
    "python-logging-loki": (_LOKI, ("0", "1")),
    "pygelf": (_GELF, ("zlib", "plain")),
    "elasticsearch": (_ELASTIC, ("create", "index")),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests here send to, each with a token of its own."""
    with serving(tmp_path_factory.mktemp("clients") / "data") as running:
        yield running


JAVASCRIPT = Path(__file__).parents[2] / "support" / "javascript"
OF_JAVASCRIPT = (
    *("pino-loki", "pino-opentelemetry", "winston-http", "winston-loki", "winston-loki-json"),
    *("opentelemetry-http", "opentelemetry-proto"),
)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients in JavaScript, as package.json pins them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("javascript")
    for each in JAVASCRIPT.iterdir():
        shutil.copy(each, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE)
        if not done.returncode:
            return folder
    pytest.skip("npm cannot install the clients: no registry is reached")


@pytest.mark.parametrize("client", OF_JAVASCRIPT)
def test_logs_of_a_client_in_javascript_arrive_once(
    shared: ServerProcess, client: str, modules: Path
) -> None:
    command = ["node", "client.mjs", client]
    check_arrival(shared, command, cwd=modules)


@pytest.mark.parametrize(
    ("client", "how"), [(name, how) for name, (_, hows) in CLIENTS.items() for how in hows]
)
def test_logs_of_a_client_arrive_once(
    shared: ServerProcess, client: str, how: str, tmp_path: Path
) -> None:
    program = tmp_path / "client.py"
    program.write_text(_HEAD + CLIENTS[client][0])
    check_arrival(shared, [sys.executable, "-P", program], how)


PAGE = (Path(__file__).parents[3] / "docs" / "shippers.md").read_text()
RECIPES = re.findall(r"<!-- recipe: ([^\n]+) -->\n```(js|python)\n(.*?)```", PAGE, re.DOTALL)


def test_page_has_a_recipe_for_each_client_that_is_run() -> None:
    assert sorted((language, name) for name, language, _ in RECIPES) == [
        *(("js", name) for name in ("OpenTelemetry in JavaScript", "pino-loki")),
        *(("js", name) for name in ("pino-opentelemetry-transport", "winston", "winston-loki")),
        *(("python", name) for name in ("HTTPHandler", "OpenTelemetry in Python")),
        *(("python", name) for name in ("elasticsearch", "pygelf", "python-logging-loki")),
    ]


@pytest.mark.parametrize(
    ("language", "text"),
    [pytest.param(language, text, id=name) for name, language, text in RECIPES],
)
def test_log_of_a_recipe_arrives_with_its_level(
    shared: ServerProcess,
    language: str,
    text: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    before, address = last_seq(shared), urlsplit(shared.ingest)
    text = text.replace("127.0.0.1:3001", address.netloc).replace("3001", str(address.port))
    command: list[str | Path]
    if language == "js":
        folder = request.getfixturevalue("modules")
        program = folder / f"recipe-{uuid4()}.mjs"
        command = ["node", program]
        if "flush()" in text:
            text += "process.exit(0);\n"  # its timers never end
    else:
        program = tmp_path / "recipe.py"
        command = [sys.executable, "-P", program]
    program.write_text(text)
    environment = os.environ | {
        "WATERLINE_TOKEN": shared.token,
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{address.netloc}/v1/logs",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"Authorization=Bearer {shared.token}",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: last_seq(shared) > before)
    ((message, log_type, *_),) = stored(shared, before)
    assert (message.partition(" {")[0], log_type) == ("no stock", "error")


def check_arrival(
    server: ServerProcess, command: Sequence[str | Path], *how: str, cwd: Path | None = None
) -> None:
    """Run a client that logs, and check that all of it arrives once, with time and level.

    Args:
        server: where it sends.
        command: the client; address, token and number of logs follow.
        how: what follows behind them.
        cwd: where it runs.
    """
    before = last_seq(server)
    given = (f"http://{urlsplit(server.ingest).netloc}", server.token, str(LOGS), *how)
    done = subprocess.run(
        [*command, *given], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")

    # Some clients read no answer, and end before their logs are stored.
    wait_until(lambda: last_seq(server) >= before + LOGS)
    rows = stored(server, before)
    found = sorted(message.partition(" {")[0] for message, *_ in rows)
    assert found == sorted(f"order {number} failed" for number in range(LOGS))
    assert {log_type for _, log_type, *_ in rows} == {"warning"}
    assert all(abs(timestamp - received) < 60_000 for *_, timestamp, received, _ in rows)
    assert all('"shop":"north"' in attributes for *_, attributes in rows)


def last_seq(server: ServerProcess) -> int:
    _, health = server.get("/health")
    found = health["last_seq"]
    assert isinstance(found, int)
    return found


def stored(server: ServerProcess, after: int) -> list[tuple[str, str, int, int, str]]:
    path = str(server.data / "logs.db")
    statement = "SELECT message, type, timestamp, received_at, attributes FROM logs WHERE seq > ?"
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return [
            (str(a), str(b), int(c), int(d), str(e))
            for a, b, c, d, e in db.execute(statement, (after,))
        ]
