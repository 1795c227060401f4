"""Whether a line continues a log: tracebacks, causes, statements, objects over lines."""

import re
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from waterline.recognition.line_levels import level_of_word
from waterline.recognition.recognized import Recognized

MAX_LINES: Final = 1000
"""Lines of one log at most; those that follow are the next log."""
MAX_CHARACTERS: Final = 256 * 1024
"""Characters of one log of several lines; a line that is longer by itself stays whole."""

T = TypeVar("T")


class _Kind(NamedTuple):
    """A text of several lines.

    Attributes:
        opens: a line that begins it.
        goes_on: an unindented line within it.
        last: an unindented line that ends it.
        follows: the end of a line that it may be the continuation of; a runtime that dies says so
            on its own.
        announces: a first line behind which any line goes on.
    """

    opens: re.Pattern[str]
    goes_on: re.Pattern[str]
    last: re.Pattern[str] | None = None
    follows: re.Pattern[str] = re.compile(r"", re.ASCII)
    announces: re.Pattern[str] | None = None


_NEVER: Final = re.compile(r"(?!)")
_CLASS: Final = r"(?:[A-Za-z_$][\w$]*[./\\])*[A-Za-z_$][\w$]*"
_GO_FUNCTION: Final = re.compile(
    r"(?:[\w.-]+/)*[a-z]\w*\.(?:\(\*?\w+\)\.)?\w+(?:\.func\d+)*(?:\(.*\))?$", re.ASCII
)
_OBJECT: Final = _Kind(  # JSON over lines
    re.compile(r"[\[{]\s*$"),
    re.compile(r"\s*(?:[\"\[\]{}]|(?:-?\d[\d.eE+-]*|true|false|null),?\s*$)"),
    follows=re.compile(r"[:=({\[]\s*$"),
)
_DAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d"
# A line that has a time, a program or a level, and no text: all lines are its text until the next.
_HEADER: Final = _Kind(
    re.compile(
        rf"(?:{_DAY} \d\d:\d\d:\d\d (?:[A-Z]{{3,5}} )?\d{{4}}"  # Oracle
        r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
        r"|=[A-Z]+ REPORT=+ \d\S+ ==="  # Erlang
        r"|\[ [\d:. -]{15,60} [VDIWEFSA]/[^\]]{1,100}\]"  # Android
        r")\s*$"
        r"|!ENTRY \S+ \d"  # Eclipse
        r"|\d{4}-\d\d-\d\d-[\d.]{15}[+-]\d{3} +\S+ +LEVEL: "  # Db2
    ),
    re.compile(r""),
    follows=_NEVER,
)
_OPENS_BRACKET: Final = re.compile(r"[\[{]\s*$")
_CLOSES_BRACKET: Final = re.compile(r"\s*[\]}]")
_KINDS: Final = (
    _Kind(  # Python
        re.compile(r"(?:Traceback \(most recent call last\)|[ ]*\+ Exception Group Traceback)"),
        re.compile(
            r"(?:During handling of the above exception|The above exception was the direct cause"
            r"|Traceback \(most recent call last\)|> File \")"  # the last is loguru's
        ),
        last=re.compile(rf"{_CLASS}(?:: |:?$)"),
    ),
    _Kind(  # Go
        re.compile(r"(?:panic: |fatal error: |goroutine \d+ \[|SIG[A-Z]+: |unexpected fault)"),
        re.compile(
            r"(?:panic: |goroutine \d+ |\[signal |created by |exit status \d|runtime: |main\."
            r"|(?:[\w./$%\[\]{}-]|\(\*[\w.]{1,100}\))++\(.*\)$|\.\.\.additional frames"
            r"|r[a-z0-9]{1,2} +0x|PC=|signal )"
        ),
        # A server that survives a handler's panic says so in a line of its own, as klog does.
        follows=re.compile(r"panic (?:serving|recovered)\b|^F\d{4} "),
    ),
    _Kind(  # zap for a terminal
        _GO_FUNCTION,
        _GO_FUNCTION,
        follows=re.compile(r"\t\S+\.go:\d+\t"),
    ),
    _Kind(  # ClickHouse
        re.compile(r".*Stack trace \(when copying this message"),
        re.compile(r"\d+\. .* @ 0x|\(version "),
        follows=_NEVER,
    ),
    _Kind(  # Cowboy, of Elixir
        re.compile(r"Server: "),
        re.compile(r"Request: |\*\* \("),
        follows=re.compile(r"\bterminated$"),
    ),
    _Kind(  # Rust
        re.compile(r"thread '[^']*' (?:\(\d+\) )?panicked at "),
        re.compile(r"(?:note: |stack backtrace:|called `)"),
        follows=_NEVER,
        announces=re.compile(r":\d+:\d+:$"),
    ),
    _Kind(  # Java, .NET, JavaScript, PHP, Ruby
        re.compile(
            rf"(?:Exception in thread \"[^\"]*\" |Unhandled exception[.:] |Uncaught )?(?:{_CLASS}"
            r"(?:Exception|Error|Throwable|Failure|Interrupt|Fault|Warning)"
            r"|(?:[A-Za-z_$][\w$]*[./\\])+(?:Exception|Error|Throwable))[\w$]*"
            r"(?: \[\w+\])?(?::|$)"
            r"|Stack trace:$|\[stacktrace\]|\S+:\d+:in [`']|PHP Fatal error:"
            r"|#0\s|\*\* \([\w.]+\) "
        ),
        re.compile(
            r"(?:Caused by: |Suppressed: |Wrapped by: |--- End of |#\d+ |Stack trace:"
            r"|\[stacktrace\]|\.\.\. \d+ more|from \S+:\d+|\"\}|at \S+[( ]|-->|={3,}$"
            r"|Last message|State: )"
        ),
    ),
    _Kind(  # MySQL's log of slow statements
        re.compile(r"# (?:Time|User@Host): "),
        re.compile(r"(?!# Time: )"),
        follows=_NEVER,
    ),
    _Kind(  # Node.js, which shows the place first
        re.compile(r"(?:/|file://|node:)\S+:\d+$"),
        re.compile(rf"{_CLASS}(?:Error|Exception)\b|Error\b|Node\.js v\d"),
        follows=_NEVER,
    ),
    _Kind(  # XML
        re.compile(r"<\?xml |<[A-Za-z][\w.-]*(?::[\w.-]+)?(?:\s[^<>]*)?>(?:.*>)?\s*$"),
        re.compile(r"</?[A-Za-z][^<>]*>(?:.*>)?\s*$"),
    ),
    _Kind(  # a table in lines and marks
        re.compile(r"\+[-=+]{3,}\+\s*$"),
        re.compile(r"(?:\+[-=+]{3,}\+|\|.*\|)\s*$"),
    ),
    _HEADER,
    _OBJECT,
)
_SQL: Final = re.compile(
    r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|WITH|MERGE)\b", re.IGNORECASE
)
_CLAUSE: Final = re.compile(
    r"(?:FROM|WHERE|AND|OR|ON|SET|VALUES|JOIN|LEFT|RIGHT|INNER|OUTER|CROSS|GROUP BY|ORDER BY"
    r"|HAVING|LIMIT|OFFSET|UNION|RETURNING|SELECT|INTO|CASE|WHEN|END)\b|\("
)
_CHARACTERS_FOR_SQL: Final = 4096
# What no log begins with: indented, the end of a bracket, or named as the cause of something.
_CONTINUES: Final = re.compile(
    r"[ \t]+\S|[\])}]+[;,.]?\s*$|Caused by: |Suppressed: |\.\.\. \d+ more|--- End of |--> "
)
# Far enough for a line with a time to be no log; a clock or a day may have one blank before it.
_INDENTED: Final = re.compile(r"(?:\t| {2})\s*\S")
_PADDED_LEVEL: Final = re.compile(r" {0,2}(?:TRACE|DEBUG|INFO|WARN|ERROR) ")
# java.util.logging: class and method on one line, level and message on the next.
_LOGGING_HEADER: Final = re.compile(
    r"[A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M [\w.$]+(?: [\w$<>]+)?\s*$"
)
_LOGGING_LEVEL: Final = re.compile(r"(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ")


class Pending(msgspec.Struct, Generic[T]):
    """A log that may go on.

    Attributes:
        recognized: what it says so far.
        content: its first line.
        lines: what came along with its lines.
        partial: whether the next content is the rest of the first line.
        is_row: whether it is a row of a table, one field of which goes on.
        texts: the lines behind the first; None if there is none.
        characters: number of characters in them.
    """

    recognized: Recognized
    content: str
    lines: list[T]
    partial: bool = False
    texts: list[str] | None = None
    characters: int = 0
    is_row: bool = False
    _kind: _Kind | None = None
    _ended: bool = False
    _depth: int = 1

    def is_full(self, text: str) -> bool:
        """Return whether a further line would be beyond what one log may have."""
        return len(self.lines) >= MAX_LINES or self.characters + len(text) > MAX_CHARACTERS

    def append(self, content: str, line: T) -> None:
        """Add a line that continues it."""
        if self.texts is None:
            self.texts = []
        self.texts.append(content)
        self.lines.append(line)
        self.characters += len(content)

    def takes(self, content: str, *, dated: bool) -> bool:
        """Return whether a line continues it; `dated` if the line begins with a time."""
        dated = dated and not self._is_below(content)
        if dated and self._kind is not _OBJECT and self.content[-1:] not in ("{", "["):
            return False
        if self._kind is None and self.texts is None:
            self._kind = next((kind for kind in _KINDS if kind.opens.match(self.content)), None)
        kind = self._kind
        if kind is _OBJECT:
            return not self._ended and self._goes_on_as_object(content)
        if dated:
            return False
        if kind is not None and kind.announces and self.texts is None:
            return bool(kind.announces.search(self.content) or kind.goes_on.match(content))
        if _PADDED_LEVEL.match(content) and _PADDED_LEVEL.match(self.content):
            return False
        if _CONTINUES.match(content) or (kind is not None and kind.goes_on.match(content)):
            self._ended = False
            return True
        if kind is not None and kind.last and not self._ended and kind.last.match(content):
            self._ended = True
            return True
        return self._opens(content) or self._is_clause(content) or self._is_level(content)

    def _is_below(self, content: str) -> bool:
        """Return whether a line is indented, under a log with a time that is not."""
        return (
            content[:1].isspace()
            and self.recognized.timestamp is not None
            and not self.content[:1].isspace()
            and bool(_INDENTED.match(content))
        )

    @property
    def is_header(self) -> bool:
        """Whether its first line has no text of its own."""
        return self._kind is _HEADER

    def is_object(self) -> bool:
        """Return whether it is one JSON object, from its first line to its last."""
        return self._kind is _OBJECT and self._ended and bool(_OBJECT.opens.match(self.content))

    def text(self, message: str) -> str:
        """Return a message with the lines behind it."""
        return message if self.texts is None else "\n".join((message, *self.texts))

    def _goes_on_as_object(self, content: str) -> bool:
        """Return whether a line is within JSON, and count the brackets that are open."""
        if not _OBJECT.goes_on.match(content):
            return False
        self._depth += bool(_OPENS_BRACKET.search(content)) - bool(_CLOSES_BRACKET.match(content))
        self._ended = self._depth <= 0
        return True

    def _opens(self, content: str) -> bool:
        """Return whether a line begins a traceback or the like of a log with a time or level."""
        if self.recognized.timestamp is None and self.recognized.type is None:
            return False
        before = self.texts[-1] if self.texts else self.content
        for kind in _KINDS:
            if kind.opens.match(content) and kind.follows.search(before):
                self._kind, self._ended, self._depth = kind, False, 1
                return True
        return False

    def _is_clause(self, content: str) -> bool:
        return bool(_CLAUSE.match(content) and _SQL.search(self.content[-_CHARACTERS_FOR_SQL:]))

    def _is_level(self, content: str) -> bool:
        if self.texts is not None or not _LOGGING_HEADER.match(self.content):
            return False
        level = _LOGGING_LEVEL.match(content)
        if level is None:
            return False
        found = self.recognized
        written = level_of_word(level[1])
        if written:
            attributes = {"level": written.more} if written.more else {}
            self.recognized = Recognized(
                found.message, found.timestamp, written.type, found.attributes | attributes
            )
        return True
