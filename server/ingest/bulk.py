"""POST /_bulk and /INDEX/_bulk: the bulk API of Elasticsearch (its REST API, 8.x)."""

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import count
from typing import Final, NamedTuple

import msgspec

from server.connections import Connections
from server.ingest.entries import Entries, Unreadable, in_turns, read_objects
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.recognition.json_text import decode_json
from waterline.records import MAX_ID_LENGTH

PRODUCT: Final = ("X-Elastic-Product", "Elasticsearch")
"""Header of every answer; clients of Elasticsearch talk to nothing else."""
# Items that are no logs, such as deletions, before a body is refused as a whole.
_MOST_OTHERS: Final = 1000
_WITH_DOCUMENT: Final = ("create", "index", "update")
_NO_JSON: Final = (msgspec.DecodeError, ValueError, RecursionError)
_decode: Final = msgspec.json.Decoder().decode


class Item(NamedTuple):
    """One item of a bulk request: an action, and the document behind it."""

    action: str
    into: str | None
    """The `_index`."""
    name: str | None
    """The `_id`."""
    document: dict[str, object] | None
    """None if the item is no log."""
    size: int
    """Bytes in the body."""


class BulkPost(ShipperPost):
    """Request with an action a line, each with its document behind; answered item by item."""

    endpoint = "/_bulk"
    methods = ("POST", "PUT")

    def initialize(self, connections: Connections) -> None:
        """Store the shared state."""
        super().initialize(connections)
        self._items: list[Item] = []

    def set_default_headers(self) -> None:
        """Say what clients look for before they read an answer."""
        self.set_header(*PRODUCT)

    async def put(self, *_: str) -> None:
        """Take a bulk request as of POST; some clients send PUT."""
        await self.post()

    def entries(self, content: bytes) -> Iterator[Entries]:
        """Yield the documents.

        Raises:
            Unreadable: the body is no bulk request.
        """
        for held, size in in_turns(self._read(content), lambda item: item.size):
            logs = [each for each in held if each.document is not None]
            documents = [each.document for each in logs if each.document is not None]
            ids = [_id_of(each) for each in logs]
            yield Entries(read_objects(documents), size, ids)

    def respond(self, reply: Reply) -> None:
        """Answer 200 with the outcome of each item, in order."""
        faults = {each["index"]: each["message"] for each in reply["errors"]}
        places = count()
        errors = [
            f"{item.action} is no log, and logs stay"
            if item.document is None
            else faults.get(next(places))
            for item in self._items
        ]
        items = [
            {item.action: _outcome(item, error)}
            for item, error in zip(self._items, errors, strict=True)
        ]
        failed = any(error is not None for error in errors)
        took = round(1000 * (time.perf_counter() - self.received))
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"took": took, "errors": failed, "items": items}))

    def _read(self, content: bytes) -> Iterator[Item]:
        index = self.path_args[0] if self.path_args else None
        others = 0
        for item in read_items(content, index):
            others += item.document is None
            if others > _MOST_OTHERS:
                raise Unreadable(f"more than {_MOST_OTHERS} items of this body are no logs")
            # Only what the answer needs is kept.
            self._items.append(item._replace(document=item.document and {}))
            yield item


def read_items(content: bytes, index: str | None) -> Iterator[Item]:
    """Yield the items of a bulk request.

    Args:
        content: the body.
        index: where documents go that name no index.

    Raises:
        Unreadable: it is none.
    """
    at = 0
    while at < len(content):
        line, at = _line(content, at)
        if not line.strip():
            continue
        action, target = _action(line)
        size = len(line)
        document: dict[str, object] | None = None
        if action in _WITH_DOCUMENT:
            text, at = _line(content, at)
            size += len(text)
            if action != "update":
                document = _document(text)
        into, name = target.get("_index", index), target.get("_id")
        yield Item(action, _text(into), _text(name), document, size)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _line(content: bytes, at: int) -> tuple[bytes, int]:
    end = content.find(b"\n", at)
    end = len(content) if end < 0 else end
    return content[at:end], end + 1


def _action(line: bytes) -> tuple[str, Mapping[str, object]]:
    try:
        value = _decode(line)
    except _NO_JSON as error:
        raise Unreadable(f"an action of this bulk request is no JSON: {error}") from error
    match value:
        case dict() if len(value) == 1:
            ((action, target),) = value.items()
            if action in ("create", "index", "update", "delete") and isinstance(target, dict):
                return action, target
    raise Unreadable(
        'a bulk request has an action such as {"create":{}} on a line, and a document on the next'
    )


def _document(text: bytes) -> dict[str, object]:
    """Return a document; what is none is a message all the same."""
    try:
        value = decode_json(text)
    except _NO_JSON:
        value = text.decode(errors="replace")
    return value if isinstance(value, dict) else {"message": value}


def _id_of(item: Item) -> str | None:
    return item.name if item.name and len(item.name) <= MAX_ID_LENGTH else None


def _outcome(item: Item, error: str | None) -> dict[str, object]:
    named = {"_index": item.into, "_id": item.name}
    if error is None:
        return named | {"status": HTTPStatus.CREATED.value, "result": "created"}
    reason = {"type": "illegal_argument_exception", "reason": error}
    return named | {"status": HTTPStatus.BAD_REQUEST.value, "error": reason}
