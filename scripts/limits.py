"""The limits that docs/limits.md tells, each by the constant that holds it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from server.alerts.tally import MOST_GROUPS, MOST_SUMMARIES
from server.app import MAX_HEADER_SIZE, MOST_SILENT_SECONDS, MOST_UNFINISHED
from server.ingest import entries
from server.ingest.otlp_records import MOST_ATTRIBUTES
from server.ingest.replies import MOST_NAMED
from server.ingest.syslog.framing import MAX_MESSAGE
from server.ingest.syslog.intake import MOST_WAITING
from server.live.filters import MAX_TEXT_LENGTH, MAX_TEXTS
from server.live.hub import MAX_FILTERS
from server.websocket.frames import MAX_MESSAGE_SIZE
from waterline.alerts.rules import MOST_RULES
from waterline.archive.hot_rows import MAX_BATCH_SIZE
from waterline.encoding import FORMATS, MOST_ROWS
from waterline.metrics.recorder import MAX_LABELS
from waterline.metrics.sketch import RELATIVE_ERROR
from waterline.query_text.patterns import LONGEST
from waterline.query_text.patterns import MOST_REPEATED as REPEATED
from waterline.query_text.terms import MOST_NESTED, MOST_TERMS
from waterline.recognition.continuations import MAX_CHARACTERS, MAX_LINES
from waterline.recognition.object_containers import MOST_REPEATED
from waterline.recognition.own_logs import MAX_TYPE_LENGTH
from waterline.records import MAX_DEPTH, MAX_ID_LENGTH
from waterline.settings.model import Settings
from waterline.settings.parse import MOST_MEASURED
from waterline.units import format_size
from workbench.clients.log_files.rawlines import MAX_LINE_BYTES
from workbench.dashboard.explorer.search import SAMPLE, SHOWN
from workbench.dashboard.explorer.searcher import MOST_AT_ONCE
from workbench.iceberg.columns import MOST_ATTRIBUTES as MOST_COLUMNS
from workbench.query.attributes import MOST_NAMES
from workbench.query.cache.cache import SIZE, TTL
from workbench.reports.coverage import MAX_ROWS
from workbench.serving.endpoint import MOST_ASKED

_DEFAULT: Final = Settings()


def _size(size: int) -> str:
    return re.sub(r"(?<=\d)(?=[A-Z])", " ", format_size(size))


_BATCH: Final = _size(MAX_BATCH_SIZE)

LIMITS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "server": (
        ("a message, or a body once it is unpacked", _size(MAX_MESSAGE_SIZE)),
        (
            "messages and bodies that have not come to their end, over all connections",
            f"{_size(MOST_UNFINISHED)}; beyond it the largest goes on alone and others wait",
        ),
        (
            "logs that wait to be stored",
            f"`queue_size`, {_size(_DEFAULT.queue_size)}; then producers are held back",
        ),
        (
            "what a reader of `/live` may fall behind",
            f"`live_buffer`, {_size(_DEFAULT.live_buffer)}; then `skipped` in place of logs",
        ),
        ("different filters of readers of `/live`", f"{MAX_FILTERS}"),
        (
            "texts of a filter of `/live`",
            f"{MAX_TEXTS} a parameter, of {MAX_TEXT_LENGTH:,} characters",
        ),
        ("connections a token", f"`token_connections`, {_DEFAULT.token_connections:,}"),
        ("bytes a second a token", "`token_rate`, unlimited"),
        (
            "a message of syslog",
            f"{_size(MAX_MESSAGE)}; the rest is dropped, and `truncated` says so",
        ),
        (
            "messages of syslog that wait to be decoded, by listener",
            f"{_size(MOST_WAITING)}; then TCP is not read, and datagrams are dropped and counted",
        ),
        (
            "connections of syslog",
            f"`token_connections`, {_DEFAULT.token_connections:,}; each with TLS 512 KiB more",
        ),
        (
            "rules of alerts",
            f"{MOST_RULES}, of {MOST_GROUPS} groups each ({MOST_SUMMARIES} of a percentile)",
        ),
        ("headers of a request", _size(MAX_HEADER_SIZE)),
        ("time to say what one wants on a new connection", f"{MOST_SILENT_SECONDS:.0f} s"),
        (
            "what the logs of one object share (OTLP, CloudWatch), repeated in each",
            f"{_size(MOST_REPEATED)}; beyond it the object stays one log",
        ),
        (
            "what the logs of a body of OTLP or Loki share, once for each",
            f"{_size(entries.MOST_REPEATED)}; beyond it the body is refused with 413",
        ),
        (
            "attributes of a record of OTLP",
            f"{MOST_ATTRIBUTES:,}; beyond it the body is refused with 413",
        ),
        (
            "objects of a body of OTLP or Loki",
            f"{entries.IN_JSON[b'{']:,}; beyond it the body is refused with 413",
        ),
        ("faults named in the answer to one message", f"{MOST_NAMED:,}, then their number"),
    ),
    "log": (
        ("`type`", f"{MAX_TYPE_LENGTH} characters"),
        ("`id`", f"{MAX_ID_LENGTH} characters"),
        ("nesting of attributes", f"{MAX_DEPTH} levels"),
        ("`timestamp`", "years 1 to 9999, whole milliseconds"),
        ("a line that `waterline send` reads", _size(MAX_LINE_BYTES)),
        ("lines that are joined to one log", f"{MAX_LINES:,}, or {_size(MAX_CHARACTERS)} of text"),
    ),
    "answer": (
        (
            "a query as text",
            f"{MOST_TERMS} terms, {MOST_NESTED} parentheses within each other",
        ),
        (
            "a regular expression of a query",
            f"{LONGEST:,} characters, and counts that add up to {REPEATED:,}",
        ),
        ('columns of `attributes="all"`', f"the {MOST_NAMES:,} most frequent attributes"),
        ("types and sources that are counted apart", f"{MAX_LABELS} each, further as `other`"),
        ("attributes that are measured", f"{MOST_MEASURED}"),
        ("error of a percentile from measurements", f"{RELATIVE_ERROR:.1%} of a value seen"),
        ("rows of a report by step", f"{MAX_ROWS:,}"),
        ("kept answers", f"{SIZE} in all, {TTL} each, by default"),
        ("a question over the network", _size(MOST_ASKED)),
        (
            "questions over the network at once",
            f"`query_concurrency`, {_DEFAULT.query_concurrency}; others are told to come again",
        ),
        (
            "bytes of an answer over the network, as sent",
            f"`query_bytes`, {_size(_DEFAULT.query_bytes)}",
        ),
        ("rows that the dashboard reads at once", f"{SHOWN:,}, further ones as one scrolls"),
        ("logs whose fields the dashboard lists", f"the newest {SAMPLE:,} that match"),
        ("searches of all pages that run at once", f"{MOST_AT_ONCE}; others wait in turn"),
        *(
            (
                f"a batch of {each.title}",
                f"{each.batch_rows:,} logs of one day ({MOST_ROWS:,} by setting), {_BATCH}",
            )
            for each in FORMATS.values()
        ),
        (
            "columns of attributes in the Iceberg table of a lake",
            f"{MOST_COLUMNS:,}; a batch that needs more is named and left out",
        ),
    ),
}
"""By kind, what is limited and how."""
