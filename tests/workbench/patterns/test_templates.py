"""Messages that differ only in their values have one template, and no other messages have it."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from workbench.patterns import template_tree
from workbench.patterns.masking import mask
from workbench.patterns.tally import Templates

CORPORA = Path(__file__).parents[4] / "shared" / "data"


def templates(*messages: str) -> list[str]:
    """Return the template of each message, once all have been seen."""
    found = Templates()
    column = pa.chunked_array([pa.array(messages, pa.string())])
    return [found.text(number) for number in _numbers(found, column)]


def _numbers(found: Templates, messages: pa.ChunkedArray) -> list[int]:
    masked = mask(messages)
    numbers = found.numbers(masked.dictionary.to_pylist())
    return [numbers[place] for place in masked.indices.to_pylist()]


def masked(message: str) -> str:
    (text,) = mask(pa.chunked_array([[message]])).dictionary.to_pylist()
    return str(text)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("took 12.5 ms", "took <*> ms"),
        ("from 10.0.0.1:5000 to 10.0.0.2", "from <*> to <*>"),
        ("job 5b8efff7-98af-0381-03d2-69b633813fc6 done", "job <*> done"),
        ("at 0xDEADbeef and 7f3a", "at <*> and <*>"),
        ("the deed was added", "the deed was added"),
        ("since 2026-03-17T12:00:00.5Z", "since <*>"),
        ("offset=-7,4", "offset=<*>"),
        ("first line\r\nat 7", "first line"),
        ("2026-03-17 12:00:00,123 ERROR [main] no stock", "[main] no stock"),
        ("<34>Mar  7 12:00:00 north-1 sshd[77]: bye", "sshd[<*>]: bye"),
        ("[2026/03/17 12:00:00] info: ready", "ready"),
        ("error of the pump", "error of the pump"),
        ("", ""),
    ],
)
def test_values_and_what_stands_before_a_message_are_masked(message: str, text: str) -> None:
    assert masked(message) == text


def test_messages_that_differ_in_values_have_one_template() -> None:
    users = [f"Failed password for {user} from 10.0.0.7 port 22" for user in ("root", "bob", "eve")]
    assert templates(*users, "Connection closed by 10.0.0.7") == [
        *["Failed password for <*> from <*> port <*>"] * 3,
        "Connection closed by <*>",
    ]


def test_words_with_digits_are_values_and_names_are_kept() -> None:
    text = "user=<*> size=<*> free= <*> done"
    assert templates("user=bob7 size=1 free= 7 done", "user=eve9 size=2 free= 8 done") == [text] * 2


def test_second_words_are_names_where_there_are_many() -> None:
    names = [f"user {name} logged in" for name in "abcdefghijklmnopqrstuvw"]
    assert {*templates(*names)} == {"user <*> logged in"}
    assert len({*templates(*names[:3], "user a has logged out")}) == 4


def test_templates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_tree, "MOST_TEMPLATES", 4)
    found = templates("a", "b c", "d e f", "g h i j", "k l m n o", "a", "b c")
    assert found == ["a", "b c", "d e f", "<*>", "<*>", "a", "b c"]


def test_long_message_is_cut() -> None:
    (text,) = set(templates("word " * 5_000, "word " * 4_000 + "end"))
    assert len(text.split()) == 100


words = st.sampled_from(["a", "b=", "=c", "7", "x7", "10.0.0.1", "<*>", "\0", "=\0 ", "é", "\n"])


@given(st.lists(st.lists(words, max_size=6).map(" ".join) | st.text(max_size=8), max_size=30))
def test_each_message_is_of_one_template_whatever_it_holds(messages: list[str]) -> None:
    found = Templates()
    column = pa.chunked_array([pa.array(messages, pa.string())])
    numbers = _numbers(found, column)
    assert len(numbers) == len(messages)
    of_text: dict[str, int] = {}
    for message, number in zip(messages, numbers, strict=True):
        assert of_text.setdefault(masked(message), number) == number
        wanted, given_words = found.text(number).split(), masked(message).split()
        assert "<*>" in found.text(number) or wanted == given_words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "published"),
    [("HDFS", 14), ("OpenSSH", 27), ("Zookeeper", 50), ("Spark", 36), ("Linux", 118)],
)
def test_corpus_has_about_as_many_templates_as_are_published(name: str, published: int) -> None:
    file = CORPORA / f"{name}.log"
    if not file.exists():
        pytest.skip(f"{file} is missing")
    messages = workbench.read(file, multiline="off")["message"].tolist()
    assert 0.85 * published <= len({*templates(*messages)}) <= 1.15 * published
