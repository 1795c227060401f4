"""A real process that answers questions over the network."""

import json
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.support.forking import PATIENCE, WATERLINE, Started
from tests.support.processes import create_token
from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile


@dataclass
class Questions:
    """A running `waterline query`."""

    data: Path
    url: str
    token: str
    process: "subprocess.Popen[str]"
    tls: ssl.SSLContext | None = None
    """What trusts its certificate, if it has one."""
    expected_errors: list[str] = field(default_factory=list)
    """Regular expressions of lines that it may write to standard error."""

    def post(
        self,
        path: str,
        body: object,
        accept: str = "application/jsonl",
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Ask; return the status and the body of the answer."""
        return self.fetch(
            path,
            json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.token if token is None else token}",
                "Accept": accept,
                **(headers or {}),
            },
        )

    def fetch(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return the status and the body of what answers to a request."""
        try:
            with urlopen(
                Request(self.url + path, body, dict(headers or {})),
                timeout=PATIENCE,
                context=self.tls,
            ) as page:
                return page.status, page.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def health(self) -> dict[str, Any]:
        """Return what it says of itself."""
        found: dict[str, Any] = json.loads(self.fetch("/health")[1])
        return found

    def stop(self) -> None:
        """End it by SIGTERM, and see that it wrote nothing unexpected."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=PATIENCE)
        unexpected = [
            line
            for line in errors.splitlines()
            if not any(re.search(pattern, line) for pattern in self.expected_errors)
        ]
        assert not unexpected, "the process of questions wrote:\n" + "\n".join(unexpected)
        assert self.process.returncode == 0


@contextmanager
def answering(data: Path, *options: str | Path, token: str | None = None) -> Iterator[Questions]:
    """Answer questions about a folder on a free port; at the end the process is stopped."""
    text = create_token(data, "analyst", ("read",)) if token is None else token
    process = Started(
        [WATERLINE, "query", "--data", str(data), "--query-port", "0", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"https?://\S+", line)
        assert found, f"it did not start: {line!r} {process.communicate(timeout=PATIENCE)}"
        tls = None
        if "--tls-cert" in options:
            certificate = options[options.index("--tls-cert") + 1]
            tls = ssl.create_default_context(cafile=certificate)
        questions = Questions(data, found[0], text, process, tls)
        yield questions
        if process.poll() is None:
            questions.stop()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def create_ingest_token(data: Path) -> str:
    """Return a token that may not read."""
    tokens = TokenFile(DataFolder(data).tokens)
    return tokens.create("producer", [Scope.INGEST], now_ms())


def revoke(data: Path, name: str = "analyst") -> None:
    """Revoke a token."""
    TokenFile(DataFolder(data).tokens).revoke(name)
