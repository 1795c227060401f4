"""GET /health and GET /livez of the process that answers questions."""

import msgspec

from workbench.running.questions import LIVENESS
from workbench.serving.endpoint import Endpoint
from workbench.wire.stream import JSON


class Health(Endpoint):
    """GET /health: 200 if there are no faults, else 503; on loopback without a token."""

    takes = "GET"

    def prepare(self) -> None:
        """Require a token beyond loopback."""
        if not self.answering.is_local:
            super().prepare()
        else:
            self.is_foreign()

    def get(self) -> None:
        """Answer with the state of the process."""
        admission = self.answering.admission
        reasons = [] if admission.failure is None else [admission.failure]
        if not (self.answering.folder / "logs.db").exists():
            reasons.append(f"there are no logs in {self.answering.folder}")
        health = {
            "status": "degraded" if reasons else "healthy",
            "reasons": reasons,
            "questions": admission.running,
            "most_questions": admission.most,
        }
        self.set_status(503 if reasons else 200)
        self.answer(JSON, msgspec.json.format(msgspec.json.encode(health), indent=2))


class Alive(Endpoint):
    """GET /livez: 200 while the process works; without a token."""

    takes = "GET"

    def prepare(self) -> None:
        """Refuse foreign pages."""
        self.is_foreign()

    def get(self) -> None:
        """Answer."""
        self.answer(JSON, msgspec.json.encode({LIVENESS: True}))
