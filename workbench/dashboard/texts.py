"""The texts of a page: all of them are one component, as each costs a session some milliseconds."""

# Panel has types in part only.
# mypy: allow-untyped-calls

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from workbench.dashboard.component import Component

_HERE: Final = Path(__file__).parent
_STYLE: Final = (_HERE / "parts.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_HERE / "texts.js").read_text(encoding="utf-8")


class Texts(Component):
    """Sends texts to the browser, which asks when it has drawn this and when it opens a tab.

    Args:
        open_tab: called with the name of the tab that is shown.
    """

    _esm = (
        f"const STYLE = {json.dumps(_STYLE)};\n{(_HERE / 'texts.js').read_text(encoding='utf-8')}"
    )

    def __init__(self, open_tab: Callable[[str], None], **params: object) -> None:
        super().__init__(**params)
        self._open_tab = open_tab
        self._texts: dict[str, str] = {}
        self._is_drawn = False

    def tell(self, texts: Mapping[str, str]) -> None:
        """Send what has changed.

        Args:
            texts: HTML by the name of its place.
        """
        known = self._texts
        changed = {name: text for name, text in texts.items() if known.get(name) != text}
        known |= changed
        if changed and self._is_drawn:
            self._send_msg(changed)

    def _handle_msg(self, message: object) -> None:
        if not isinstance(message, str):
            return  # never sent by our page
        self._open_tab(message)
        self._is_drawn = True
        self._send_msg(self._texts)
