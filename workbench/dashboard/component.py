"""Base of the dashboard's own components of Panel."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from hashlib import sha256
from typing import Any

from panel.custom import JSComponent


class Component(JSComponent):
    """A component whose script is JavaScript as it is.

    Panel's own have each browser translate TypeScript before it runs: for the explorer that took a
    quarter of a second.
    """

    def _get_properties(self, doc: Any) -> dict[str, Any]:  # noqa: ANN401 - Panel has no types
        properties: dict[str, Any] = super()._get_properties(doc)
        # What is called a bundle is translated already.
        properties["bundle"] = sha256(properties["esm"].encode()).hexdigest()
        return properties
