"""POST /_bulk and /INDEX/_bulk: the bulk API of Elasticsearch (its REST API, 8.x)."""

import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import count
from typing import Final, NamedTuple, cast

import msgspec

from server.connections import Connections
from server.ingest.entries import MOST_AT_ONCE, SIZE_AT_ONCE, Entries, Unreadable, read_objects
from server.ingest.post import Reply
from server.ingest.shipper import ShipperPost
from waterline.metrics.refusals import NO_LOG
from waterline.recognition.json_text import decode_json
from waterline.records import MAX_ID_LENGTH

PRODUCT: Final = ("X-Elastic-Product", "Elasticsearch")
"""Header of every answer; clients of Elasticsearch talk to nothing else."""
# Items that are no logs, such as deletions, before a body is refused as a whole.
_MOST_OTHERS: Final = 1000
_OF_LOGS: Final = ("create", "index")
_WITH_DOCUMENT: Final = (*_OF_LOGS, "update")
_NO_JSON: Final = (msgspec.DecodeError, ValueError, RecursionError)
_decode: Final = msgspec.json.Decoder().decode
_decode_lines: Final = msgspec.json.Decoder().decode_lines


class Item(msgspec.Struct, gc=False):
    """One item of a bulk request: an action, whose document stands behind it."""

    action: str
    into: str | None
    """The `_index`."""
    name: str | None
    """The `_id`."""
    is_log: bool


class Items(NamedTuple):
    """Some items of a bulk request, in its order."""

    items: Sequence[Item]
    documents: Sequence[dict[str, object]]
    """Those of the items that are logs."""
    size: int
    """Bytes in the body."""


class _Created(msgspec.Struct, rename={"into": "_index", "name": "_id"}):
    into: str | None
    name: str | None
    status: int = HTTPStatus.CREATED.value
    result: str = "created"


class BulkPost(ShipperPost):
    """Request with an action a line, each with its document behind; answered item by item."""

    endpoint = "/_bulk"
    takes = "POST and PUT"
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
        others = 0
        for items, documents, size in read_items(content, next(iter(self.path_args), None)):
            others += len(items) - len(documents)
            if others > _MOST_OTHERS:
                raise Unreadable(f"more than {_MOST_OTHERS} items of this body are no logs")
            self._items += items
            ids = [_id_of(each) for each in items if each.is_log]
            yield Entries(read_objects(list(documents)), size, ids)

    def respond(self, reply: Reply) -> None:
        """Answer 200 with the outcome of each item, in order."""
        faults = {each["index"]: each["message"] for each in reply["errors"]}
        places = count()
        errors = [
            f"{item.action} is no log, and logs stay"
            if not item.is_log
            else faults.get(next(places))
            for item in self._items
        ]
        items = [
            {item.action: _outcome(item, error)}
            for item, error in zip(self._items, errors, strict=True)
        ]
        if others := sum(not item.is_log for item in self._items):
            self.connections.refusals.logs(others, NO_LOG, self.source)
        failed = any(error is not None for error in errors)
        took = round(1000 * (time.perf_counter() - self.received))
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode({"took": took, "errors": failed, "items": items}))


def read_items(content: bytes, index: str | None) -> Iterator[Items]:
    """Yield the items of a bulk request, as many at a time as one turn of the event loop takes.

    Args:
        content: the body.
        index: where documents go that name no index.

    Raises:
        Unreadable: it is none.
    """
    at = 0
    while at < len(content):
        end = _end_of_lines(content, at)
        items = _usual_items(content[at:end], index)
        if items is None:
            items, end = _items_by_line(content, at, end, index)
        at = end
        yield items


def _end_of_lines(content: bytes, at: int) -> int:
    """Return the end of some lines, of an even number where there are so many."""
    limit = at + SIZE_AT_ONCE
    end = content.rfind(b"\n", at, limit) + 1 if limit < len(content) else len(content)
    if content.count(b"\n", at, end) > 2 * MOST_AT_ONCE:
        end = at
        for _ in range(2 * MOST_AT_ONCE):
            end = content.index(b"\n", end) + 1
    elif content.count(b"\n", at, end) % 2 and end < len(content):
        end = content.find(b"\n", end) + 1 or len(content)
    return max(end, at + 1)


def _usual_items(block: bytes, index: str | None) -> Items | None:
    """Return the items of lines that are an action and an object in turn; None if one is odd."""
    try:
        values = _decode_lines(block)
    except _NO_JSON:
        return None
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if len(values) != lines or lines % 2 or set(map(type, values)) != {dict}:
        return None
    items = [_usual_item(each, index) for each in values[::2]]
    if None in items:
        return None
    return Items(cast("list[Item]", items), values[1::2], len(block))


def _usual_item(action: dict[str, object], index: str | None) -> Item | None:
    if len(action) != 1:
        return None
    ((name, target),) = action.items()
    if name not in _OF_LOGS or type(target) is not dict:
        return None
    return Item(name, _text(target.get("_index", index)), _text(target.get("_id")), is_log=True)


def _items_by_line(content: bytes, at: int, until: int, index: str | None) -> tuple[Items, int]:
    """Return the items that begin before a place, and where the last of them ends.

    Args:
        content: the body.
        at: where an item begins.
        until: the place.
        index: where documents go that name no index.
    """
    items: list[Item] = []
    documents: list[dict[str, object]] = []
    size = 0
    while at < until:
        line, at = _line(content, at)
        if not line.strip():
            continue
        action, target = _action(line)
        size += len(line)
        if action in _WITH_DOCUMENT:
            text, at = _line(content, at)
            size += len(text)
            if action in _OF_LOGS:
                documents.append(_document(text))
        into, name = target.get("_index", index), target.get("_id")
        items.append(Item(action, _text(into), _text(name), action in _OF_LOGS))
    return Items(items, documents, size), at


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


def _outcome(item: Item, error: str | None) -> object:
    if error is None:
        return _Created(item.into, item.name)
    named = {"_index": item.into, "_id": item.name}
    reason = {"type": "illegal_argument_exception", "reason": error}
    return named | {"status": HTTPStatus.BAD_REQUEST.value, "error": reason}
