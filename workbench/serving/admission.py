"""Who may ask, and how many at once."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from waterline.errors import TokenError
from waterline.responses import Fault
from waterline.tokens import Grant, GrantWatch, Scope, Token, TokenFile

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 1
"""Seconds after which a client that was refused may ask again."""


class Admission:
    """Admits questions: each with a token of the scope `read`, and so many at once.

    Args:
        tokens: the tokens of the data folder.
        most: number of questions that are answered at once.

    Attributes:
        most: as given.
        idle: set while no question is being answered.
    """

    def __init__(self, tokens: TokenFile, most: int) -> None:
        self.most = most
        self._tokens = tokens
        self._watch = GrantWatch(tokens)
        self.idle = asyncio.Event()
        self.idle.set()
        self._leave: dict[object, tuple[Grant, Callable[[], None]]] = {}

    @property
    def running(self) -> int:
        """Number of questions that are being answered."""
        return len(self._leave)

    @property
    def failure(self) -> str | None:
        """Why the tokens cannot be read, in one sentence; None if they can."""
        return self._watch.failure

    def token(self, text: str | None) -> Token | tuple[int, Fault]:
        """Return the token with this text, or the status and the fault of a refusal."""
        if text is None:
            return 401, Fault(
                "unauthorized",
                "a token is needed: send Authorization: Bearer TOKEN; "
                "`waterline token create NAME --scope read` makes one",
            )
        try:
            token = self._tokens.find(text)
        except TokenError:  # the watch logs why, once and not at each request
            return 503, Fault("tokens_unreadable", "the server cannot read its tokens")
        if token is None:
            return 401, Fault("unauthorized", "this token is unknown; was it revoked?")
        if Scope.READ not in token.scopes:
            return 403, Fault("forbidden", f"this token lacks the scope {Scope.READ}")
        return token

    def enter(self, question: object, token: Token, cut: Callable[[], None]) -> Fault | None:
        """Count a question, or return why there is no room for it; `leave` undoes it.

        Args:
            question: tells it from others.
            token: that of its client.
            cut: called when the token is withdrawn meanwhile.
        """
        if self.running >= self.most:
            return Fault(
                "busy",
                f"{self.most} questions are being answered already; ask again soon, or raise the "
                "server's setting query_concurrency",
            )
        self._leave[question] = Grant(token, Scope.READ), cut
        self.idle.clear()
        return None

    def leave(self, question: object) -> None:
        """Uncount a question; it may be called again."""
        self._leave.pop(question, None)
        if not self._leave:
            self.idle.set()

    def look(self) -> None:
        """Cut questions whose token was withdrawn."""
        withdrawn = self._watch.withdrawn({grant for grant, _ in self._leave.values()})
        for grant, cut in [*self._leave.values()]:
            if grant in withdrawn:
                logger.warning("the token %s was withdrawn; its question ends", grant.token.name)
                cut()

    def cut_all(self) -> None:
        """Cut all questions, as the process ends."""
        for _, cut in [*self._leave.values()]:
            cut()
