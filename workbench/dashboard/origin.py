"""Where the logs of a dashboard come from: a data folder here, or a server over the network."""

from dataclasses import dataclass
from pathlib import Path

from workbench.query.asking import Asking
from workbench.query.session import Session
from workbench.remote.session import RemoteSession


@dataclass(frozen=True, slots=True)
class Origin:
    """A data folder, or a server; its token is that of the variable WATERLINE_TOKEN."""

    folder: Path
    url: str | None = None
    """Address of a server, whose folder is meant in place of one here."""
    certificate: Path | None = None
    """A PEM file with its certificate, or None."""

    @property
    def place(self) -> str:
        """The folder or the address, as the page names it."""
        return str(self.folder) if self.url is None else self.url

    def open(self) -> Asking:
        """Open it for questions.

        Raises:
            TokenError: there is no token, or the server does not accept it.
            ServerUnreachable: the server cannot be reached.
            WaterlineError: the folder cannot be read.
        """
        if self.url is None:
            return Session(self.folder, cache=False)
        return RemoteSession(self.url, certificate=self.certificate, cache=False)
