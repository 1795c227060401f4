"""Bulk requests of Elasticsearch: actions, documents, and the blank lines that rsyslog adds."""

import json

import pytest

from server.ingest.bulk import read_items
from server.ingest.entries import Unreadable


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


def test_items_are_actions_with_the_document_behind() -> None:
    body = lines(
        {"create": {"_index": "web", "_id": "7"}}, {"message": "a"}, {"index": {}}, {"n": 1}
    )
    found = list(read_items(body, "logs"))
    assert [each[:4] for each in found] == [
        ("create", "web", "7", {"message": "a"}),
        ("index", "logs", None, {"n": 1}),
    ]
    assert sum(each.size for each in found) == len(body) - 4


def test_blank_lines_and_a_missing_end_of_line_do_not_matter() -> None:
    body = b'\n{"index":{}}\r\n{"message":"a"}\n\n{"index":{}}\n{"message":"b"}'
    assert [each.document for each in read_items(body, None)] == [
        {"message": "a"},
        {"message": "b"},
    ]


def test_what_is_no_log_is_an_item_without_document() -> None:
    body = lines({"delete": {"_id": "1"}}, {"update": {"_id": "2"}}, {"doc": {}}, {"index": {}}, {})
    assert [(each.action, each.document) for each in read_items(body, None)] == [
        ("delete", None),
        ("update", None),
        ("index", {}),
    ]


@pytest.mark.parametrize(("text", "message"), [("no json", "no json"), ("7", 7), ("[1]", [1])])
def test_document_that_is_no_object_is_a_message(text: str, message: object) -> None:
    (found,) = read_items(b'{"index":{}}\n' + text.encode() + b"\n", None)
    assert found.document == {"message": message}


@pytest.mark.parametrize(
    "body", [b"no json\n", b"[]\n", b'{"message":"a"}\n', b'{"index":{},"create":{}}\n', b"7\n"]
)
def test_body_of_something_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="bulk request"):
        list(read_items(body, None))
