"""A real kernel of a notebook, whose cells are run and whose outputs are seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.support.processes import PATIENCE


@dataclass
class Ran:
    """What a cell did."""

    reply: dict[str, Any]
    shown: list[dict[str, str]] = field(default_factory=list)
    """What it showed by type, each output and each update of one."""
    printed: str = ""


class Kernel:
    """A running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def run(self, code: str, seen: Callable[[str], None] | None = None) -> Ran:
        """Run a cell.

        Args:
            code: the cell.
            seen: called with the HTML of each output, as it is shown.
        """
        ran = Ran({})

        def note(message: dict[str, Any]) -> None:
            content = message["content"]
            ran.printed += content.get("text", "")
            if "data" in content:
                ran.shown.append(content["data"])
                if seen is not None:
                    seen(content["data"].get("text/html", ""))

        reply = self._client.execute_interactive(code, timeout=PATIENCE, output_hook=note)
        ran.reply = reply["content"]
        return ran

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self._manager.interrupt_kernel()


@contextmanager
def running_kernel(first: str) -> Iterator[Kernel]:
    """Run a kernel whose first cell is given."""
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=PATIENCE)
    try:
        kernel = Kernel(manager, client)
        assert kernel.run(first).reply["status"] == "ok"
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
