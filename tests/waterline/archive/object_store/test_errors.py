"""Refusals: what went wrong at a store, told without a word of what it said."""

import obstore.exceptions
import pytest

from waterline.archive.object_store.errors import Kind, Refusal, attempt
from waterline.errors import UsageError

THEIRS = [each for each in vars(obstore.exceptions).values() if isinstance(each, type)]


@pytest.mark.parametrize(
    "kind",
    [
        *THEIRS,
        FileNotFoundError,
        ConnectionResetError,
        TimeoutError,
        OSError,
        ValueError,
    ],
)
def test_every_error_of_client_becomes_one_without_its_words(kind: type[Exception]) -> None:
    def fail() -> None:
        raise kind("AWSAccessKeyId AKIATESTKEY\nDebug source:\nStringToSign")

    outcome = attempt(fail)
    assert isinstance(outcome, Refusal)
    assert "AKIA" not in f"{outcome}"
    assert "StringToSign" not in f"{outcome}"


def test_every_error_of_client_has_root_that_is_caught() -> None:
    assert len(THEIRS) > 10
    assert all(issubclass(each, obstore.exceptions.BaseError) for each in THEIRS)


def test_error_of_ours_is_not_taken_for_one_of_client() -> None:
    def fail() -> None:
        raise UsageError("not theirs")

    with pytest.raises(UsageError):
        attempt(fail)


def test_kind_is_told_apart_where_caller_can_act_on_it() -> None:
    def fail() -> None:
        raise FileNotFoundError("gone")

    assert attempt(fail) == Refusal("it is missing", "check the address", Kind.MISSING)
