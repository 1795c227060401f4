"""Bulk requests of Elasticsearch: actions, documents, and the blank lines that rsyslog adds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.bulk import Item, read_items
from server.ingest.entries import MOST_AT_ONCE, SIZE_AT_ONCE, Unreadable

USUAL = b'{"index":{}}\n{"message":"m"}\n'


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


def read(body: bytes, index: str | None = None) -> tuple[list[Item], list[dict[str, object]]]:
    """Return all items and all documents of a body."""
    found = list(read_items(body, index))
    assert sum(each.size for each in found) <= len(body)
    return (
        [item for each in found for item in each.items],
        [document for each in found for document in each.documents],
    )


def test_items_are_actions_with_the_document_behind() -> None:
    body = lines(
        {"create": {"_index": "web", "_id": "7"}}, {"message": "a"}, {"index": {}}, {"n": 1}
    )
    items, documents = read(body, "logs")
    assert items == [
        Item("create", "web", "7", is_log=True),
        Item("index", "logs", None, is_log=True),
    ]
    assert documents == [{"message": "a"}, {"n": 1}]


def test_blank_lines_and_a_missing_end_of_line_do_not_matter() -> None:
    body = b'\n{"index":{}}\r\n{"message":"a"}\n\n{"index":{}}\n{"message":"b"}'
    assert read(body)[1] == [{"message": "a"}, {"message": "b"}]


def test_what_is_no_log_is_an_item_without_document() -> None:
    body = lines({"delete": {"_id": "1"}}, {"update": {"_id": "2"}}, {"doc": {}}, {"index": {}}, {})
    items, documents = read(body)
    assert [(each.action, each.is_log) for each in items] == [
        ("delete", False),
        ("update", False),
        ("index", True),
    ]
    assert documents == [{}]


@pytest.mark.parametrize(("text", "message"), [("no json", "no json"), ("7", 7), ("[1]", [1])])
def test_document_that_is_no_object_is_a_message(text: str, message: object) -> None:
    body = USUAL + b'{"index":{}}\n' + text.encode() + b"\n" + USUAL
    assert read(body)[1] == [{"message": "m"}, {"message": message}, {"message": "m"}]


@pytest.mark.parametrize(
    "body", [b"no json\n", b"[]\n", b'{"message":"a"}\n', b'{"index":{},"create":{}}\n', b"7\n"]
)
def test_body_of_something_else_is_unreadable(body: bytes) -> None:
    for before in (b"", USUAL):
        with pytest.raises(Unreadable, match="bulk request"):
            read(before + body)


PARTS = {
    USUAL: {"message": "m"},
    b'{"create":{}}\nno json\n': {"message": "no json"},
    b'{"create":{}}\n{"a":NaN}\n': {"a": None},
    b'{"create":{}}\n\n': {"message": ""},
    b'\n{"create":{}}\n{} {}\n': {"message": "{} {}"},
    b'{"delete":{}}\n': None,
    b'{"update":{}}\n{}\n': None,
    b'{"create":{}}\n{"text":"' + SIZE_AT_ONCE * b"x" + b'"}\n': {"text": SIZE_AT_ONCE * "x"},
    MOST_AT_ONCE * USUAL: {"message": "m"},
}


@given(st.lists(st.sampled_from(list(PARTS)), max_size=6))
def test_documents_of_large_bodies_are_those_of_their_parts(parts: list[bytes]) -> None:
    expected = [
        document
        for part in parts
        if (document := PARTS[part]) is not None
        for _ in range(MOST_AT_ONCE if len(part) == MOST_AT_ONCE * len(USUAL) else 1)
    ]
    found = list(read_items(b"".join(parts), None))
    assert [document for each in found for document in each.documents] == expected
    assert all(len(each.items) <= 2 * MOST_AT_ONCE for each in found)
