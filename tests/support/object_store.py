"""A real object store: a process that speaks S3 over HTTP and checks every signature."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.processes import PATIENCE
from waterline.archive.object_store.address import Patience
from waterline.errors import RemoteError

BUCKET: Final = "logs"
QUICK: Final = Patience(
    retries=2, first_pause=timedelta(milliseconds=1), longest_pause=timedelta(milliseconds=5)
)
"""Enough for faults that are over soon, and none that last cost much time."""
_EVERYTHING: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
_ANNOUNCEMENT: Final = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class ObjectStore:
    """A running store with one empty bucket, and a proxy in front that can make faults."""

    endpoint: str
    """Its own address, past the proxy."""
    proxy: FaultyProxy
    key_id: str
    secret: str

    @property
    def address(self) -> str:
        """The address of the bucket."""
        return f"s3://{BUCKET}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program has to find in its environment to get there through the proxy."""
        return self._environment(self.proxy.endpoint)

    @property
    def direct(self) -> Mapping[str, str]:
        """The same past the proxy: for another client, whose requests are not counted."""
        return self._environment(self.endpoint)

    def _environment(self, endpoint: str) -> Mapping[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a store on a free port of loopback; at the end its process is gone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"],
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        endpoint = _announced(process.stderr)
        # It tells of every request, and would stand still at a full pipe.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        key_id, secret = _prepare(endpoint)
        with faulty_proxy(endpoint) as proxy:
            yield ObjectStore(endpoint, proxy, key_id, secret)
    finally:
        process.kill()
        process.wait(PATIENCE)
    reader.join()
    process.stderr.close()


def remote_sentence(call: Callable[[], object]) -> str:
    """Return what an operation that must fail says, and check what no error may hold."""
    with pytest.raises(RemoteError) as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # a traceback would show what the store answered
    text = str(caught.value)
    assert "\n" not in text
    assert "<" not in text
    return text


def _announced(lines: IO[str]) -> str:
    """Return the URL that the process prints once it accepts."""
    said = []
    for line in lines:
        if found := _ANNOUNCEMENT.search(line):
            return found[1]
        said.append(line)
    raise AssertionError(f"the object store did not start: {''.join(said)}")


def _prepare(endpoint: str) -> tuple[str, str]:
    """Make a user with keys and a bucket; from then on every signature is checked."""
    _manage(endpoint, Action="CreateUser", UserName="archive")
    _manage(
        endpoint,
        Action="PutUserPolicy",
        UserName="archive",
        PolicyName="everything",
        PolicyDocument=_EVERYTHING,
    )
    answer = _manage(endpoint, Action="CreateAccessKey", UserName="archive")
    keys = re.search(
        r"<AccessKeyId>(\w+)</AccessKeyId>.*<SecretAccessKey>(\S+)</SecretAccessKey>", answer
    )
    assert keys is not None, answer
    _send(endpoint, f"/{BUCKET}", "PUT", _signed_for("s3"))
    _send(endpoint, "/moto-api/reset-auth", "POST", {"Content-Type": "text/plain"}, b"0")
    return keys[1], keys[2]


def _manage(endpoint: str, **what: str) -> str:
    body = urlencode({"Version": "2010-05-08", **what}).encode()
    return _send(endpoint, "/", "POST", _signed_for("iam"), body)


def _signed_for(service: str) -> dict[str, str]:
    """Return the header by which the process knows the service; nobody checks it yet."""
    scope = f"setup/20260101/us-east-1/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    }


def _send(
    endpoint: str, path: str, method: str, headers: Mapping[str, str], body: bytes | None = None
) -> str:
    request = Request(endpoint + path, data=body, headers=dict(headers), method=method)
    with urlopen(request, timeout=PATIENCE) as answer:
        return str(answer.read(), "utf-8")
