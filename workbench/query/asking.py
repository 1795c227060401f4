"""What questions are asked of: a data folder here, or one behind a server over the network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from waterline.errors import IncompleteAnswer, UsageError
from workbench.query.cache.cache import Cache
from workbench.query.cache.durations import Outcome
from workbench.query.execute import Found, LogReader, RowReader
from workbench.query.pin import Pin
from workbench.query.question import Filters, Question, ask
from workbench.query.scan import Scan

_Answer = TypeVar("_Answer")
_Given = ParamSpec("_Given")


class Asking(ABC):
    """One data folder that is open for questions, here or over the network.

    Args:
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        at: pin of questions that have none, or None.
        cache: the cache of answers, or None.

    Attributes:
        clock: as given.
        at: as given.
        cache: as given.
        earlier: sentence if logs.db is older than its archives, or None.
        is_of_nodes: whether it is several data folders, of which each has seqs of its own.
    """

    is_of_nodes = False

    def __init__(self, clock: Callable[[], int], at: Pin | None, cache: Cache | None) -> None:
        self.clock = clock
        self.at = at
        self.cache = cache
        self.earlier: str | None = None

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, as an analyst named it."""

    @property
    @abstractmethod
    def reads(self) -> RowReader:
        """Reads hot and archived logs."""

    @abstractmethod
    def scan(self, question: Question, seqs: range | None = None) -> Scan:
        """Return a scan of the logs that match a question, or of some of their seqs."""

    @abstractmethod
    def answer(
        self,
        ask: Callable[Concatenate[Any, _Given], _Answer],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Answer:
        """Return what a function answers of the session of the folder.

        Args:
            ask: the function; its first argument is a `Session`, which is made of this class.
            given: its other arguments.
            named: those by name.
        """

    @abstractmethod
    def patiently(self, answer: Callable[[], _Answer]) -> _Answer:
        """Return what a function answers; an interrupt ends it at once."""

    @abstractmethod
    def pin(self) -> Pin:
        """Return the pin of this workbench, or one of now."""

    @abstractmethod
    def explain_empty(self, question: Question, attributes: Sequence[str] = ()) -> None:
        """Warn of the filter that alone leaves no log, if any."""

    @abstractmethod
    def close(self) -> None:
        """Close what is open; it may be called again."""

    def question(
        self, filters: Filters, now: int | None = None, *, may_lack: bool = False
    ) -> Question:
        """Return the question that filters ask.

        Args:
            filters: as the analyst gave them.
            now: milliseconds UTC, from which relative times count; None reads the clock.
            may_lack: whether the answer may lack logs whose files are missing.

        Raises:
            UsageError: a filter has no meaning.
            IncompleteAnswer: logs.db is older than its archives.
        """
        if not may_lack:
            self.refuse_earlier()
        if self.at is not None and filters.get("at") is None:
            filters = {**filters, "at": self.at}
        return ask(now=self.clock() if now is None else now, **filters)

    def rows(
        self, question: Question, *, may_lack: bool = False
    ) -> tuple[Found, Outcome | Literal["off"]]:
        """Return the logs that match a question, and what the cache had of them."""
        cache = self.cache
        if cache is None:
            return self.patiently(lambda: self.reads.rows(question, may_lack=may_lack)), "off"
        return self.patiently(lambda: cache.rows(self.reads, question, may_lack=may_lack))

    def refuse_earlier(self) -> None:
        """Refuse a logs.db that is older than its archives.

        Raises:
            IncompleteAnswer: logs.db is older; the sentence says what to do.
        """
        if self.earlier is not None:
            raise IncompleteAnswer(self.earlier)

    def refuse_pin(self, remedy: str) -> None:
        """Refuse a pin, for a report that is of now.

        Args:
            remedy: what to do instead.

        Raises:
            UsageError: the session has a pin.
        """
        if self.at is not None:
            raise UsageError(
                f"the measurements are of now, and this workbench is of the pin {self.at}; {remedy}"
            )


class Answering(Asking):
    """A session that answers in this process what is asked of its logs."""

    @property
    @abstractmethod
    def logs(self) -> LogReader:
        """Answers questions about hot and archived logs."""

    @property
    def reads(self) -> RowReader:
        """Reads hot and archived logs."""
        return self.logs

    def scan(self, question: Question, seqs: range | None = None) -> Scan:
        """Return a scan of the logs that match a question, or of some of their seqs."""
        return self.logs.scan(question, seqs)

    def answer(
        self,
        ask: Callable[Concatenate[Any, _Given], _Answer],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Answer:
        """Return what a function answers of this session.

        Args:
            ask: the function.
            given: its other arguments.
            named: those by name.
        """
        return ask(self, *given, **named)
