"""Bodies for paths at which nothing is taken: most often a shipper with a wrong address."""

from server.connections import Connections
from server.endpoint import NotFound
from waterline.errors import TokenError
from waterline.metrics.refusals import ELSEWHERE, NO_SOURCE, BodyFault

_WITH_BODY = ("POST", "PUT")


class UnknownPath(NotFound):
    """Answers 404, and counts what was posted."""

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        self.connections = connections

    def prepare(self) -> None:
        """Count a body by the source of its token, and name the known paths."""
        if self.request.method in _WITH_BODY:
            said = f"there is nothing at {self.request.path}"
            self.connections.refusals.body(BodyFault.PATH, ELSEWHERE, self._source(), said)
        super().prepare()

    def _source(self) -> str:
        text = self._token_text()
        try:
            token = None if text is None else self.connections.tokens.find(text)
        except TokenError:  # GrantWatch logs why
            token = None
        return NO_SOURCE if token is None else token.name
