"""Tornado's own WebSocket tests, with our protocol in the place of Tornado's on both sides."""

import logging
import unittest
from collections.abc import Iterator
from typing import Any, Final

import pytest
import tornado.websocket
from tornado.test import websocket_test

from server.websocket.protocol import BulkProtocol

_PLAIN: Final = "ours sends nothing compressed, so its messages take more on the wire"
_DOES_NOT_APPLY: Final[dict[str, str]] = {
    "CompressedMessageMemoryTest.test_compression_bomb": _PLAIN,
    "DefaultCompressionTest.test_message_sizes": _PLAIN,
}
"""Tests that ours cannot pass, each with the reason; one that passes here fails the run."""

# This one goes by pings that must be answered within 50 ms; a shared machine may stall for as long.
_TIMED: Final = "ServerPingTimeoutTest.test_client_ping_timeout"
_TRIES: Final = 3


def _cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from _cases(each)
        else:
            yield each


def _name(case: unittest.TestCase) -> str:
    return case.id().removeprefix(f"{websocket_test.__name__}.")


_CASES: Final = [
    case
    for case in _cases(unittest.defaultTestLoader.loadTestsFromModule(websocket_test))
    if not _name(case).startswith("tornado.")  # a base class, wrapped elsewhere and never run
]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    """Say what is known of a case: that it cannot pass, or that it waits for a timeout."""
    if name in _DOES_NOT_APPLY:
        return [pytest.mark.xfail(strict=True, reason=_DOES_NOT_APPLY[name])]
    return [pytest.mark.slow] if "Timeout" in name else []


@pytest.fixture(autouse=True)
def silent_access_log() -> Iterator[None]:
    """Tornado's tests count lines, and expect the requests not to be among them."""
    logger = logging.getLogger("tornado.access")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> list[BulkProtocol]:
    """Put our protocol where Tornado makes its own; return those that are made."""
    made: list[BulkProtocol] = []

    class Noted(BulkProtocol):
        def __init__(self, handler: Any, mask_outgoing: bool, params: Any) -> None:  # noqa: ANN401
            super().__init__(handler, mask_outgoing, params)
            made.append(self)

    monkeypatch.setattr(tornado.websocket, "WebSocketProtocol13", Noted)
    return made


@pytest.mark.logs
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=_name(case),
            marks=_marks(_name(case)),
        )
        for case in _CASES
    ],
)
@pytest.mark.usefixtures("ours")
def test_test_of_tornado_passes_with_our_protocol(case: unittest.TestCase) -> None:
    tries = _TRIES if _name(case) == _TIMED else 1
    problems = _problems(case)
    while problems and tries > 1:
        tries -= 1
        problems = _problems(case)
    assert not problems, "\n".join(problems)


def _problems(case: unittest.TestCase) -> list[str]:
    result = unittest.TestResult()
    case(result)
    assert result.testsRun == 1
    return [text for _, text in result.failures + result.errors + result.skipped]


def test_both_sides_of_these_tests_are_ours(ours: list[BulkProtocol]) -> None:
    (case,) = [each for each in _CASES if _name(each) == "WebSocketTest.test_binary_message"]
    result = unittest.TestResult()
    case(result)
    assert result.wasSuccessful()
    assert sorted(each.mask_outgoing for each in ours) == [False, True]


def test_excluded_tests_exist_in_this_tornado() -> None:
    assert {_TIMED, *_DOES_NOT_APPLY} <= {_name(case) for case in _CASES}
