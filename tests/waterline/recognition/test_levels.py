"""Words and numbers of levels, as loggers write them."""

import pytest

from waterline.recognition.levels import (
    TYPES,
    Scale,
    says_more,
    type_of_bunyan,
    type_of_cloud,
    type_of_dotnet,
    type_of_logback,
    type_of_monolog,
    type_of_nextcloud,
    type_of_otel,
    type_of_python,
    type_of_slog,
    type_of_syslog,
    type_of_windows,
    type_of_word,
)

WORDS = {
    "error": (
        "error ERROR Error err ERR ERRO EROR E FATAL fatal FTL F CRITICAL crit CRT SEVERE EMERG "
        "emergency ALERT PANIC dpanic fail FAILURE FATAL4 ERROR3 ERROR+4 A"
    ),
    "warning": "warning WARN Warn WRN wrn W WARN2 WARN+1",
    "info": (
        "info INFO Information informational INF I notice NOTICE N note LOG success http INFO3 "
        "INFO+2"
    ),
    "debug": "debug DEBUG DBG dbug DEBU D D1 D5 DEBUG3 DEBUG+2 FINE finer CONFIG",
    "trace": "trace TRACE TRC T trce verbose V VRB FINEST silly TRACE8 DEBUG-4",
}
PLAIN = "error ERR Erro E warn WARNING wrn INFO Information I debug DBG trace T fail"
NUANCED = "fatal CRIT notice verbose FINE WARN2 INFO+2 panic audit D2"


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_type_of_word_knows_every_spelling(name: str, words: str) -> None:
    assert {word: type_of_word(word) for word in words.split()} == dict.fromkeys(
        words.split(), name
    )


@pytest.mark.parametrize(
    "word", ["\x1b[31merror\x1b[39m", "[ERROR]", "<Error>", " error ", "error:", "(E)", "eRRoR"]
)
def test_type_of_word_ignores_colours_brackets_and_case(word: str) -> None:
    assert type_of_word(word) == "error"


@pytest.mark.parametrize("word", ["", "terror", "errors", "0", "30", "audit", "D9", "S", "-"])
def test_type_of_word_gives_none_for_what_is_no_level(word: str) -> None:
    assert type_of_word(word) is None


def test_says_more_is_true_of_levels_between_and_beyond_the_five() -> None:
    assert [word for word in PLAIN.split() if says_more(word)] == []
    assert [word for word in NUANCED.split() if not says_more(word)] == []
    assert says_more("\x1b[31mfatal\x1b[0m")


@pytest.mark.parametrize(
    ("scale", "numbers"),
    [
        (type_of_bunyan, {"trace": [10], "debug": [20], "info": [30, 35], "warning": [40]}),
        (type_of_bunyan, {"error": [50, 60], None: [0, -1, 100]}),
        (type_of_python, {"trace": [5], "debug": [10], "info": [20, 25], "warning": [30]}),
        (type_of_python, {"error": [40, 50], None: [0, 100]}),
        (type_of_otel, {"trace": [1, 4], "debug": [5, 8], "info": [9, 12], "warning": [13, 16]}),
        (type_of_otel, {"error": [17, 24], None: [0, 25]}),
        (type_of_slog, {"trace": [-8], "debug": [-4, -1], "info": [0, 3], "warning": [4, 7]}),
        (type_of_slog, {"error": [8, 12]}),
        (type_of_syslog, {"error": [0, 1, 2, 3], "warning": [4], "info": [5, 6], "debug": [7]}),
        (type_of_syslog, {None: [-1, 8]}),
        (type_of_logback, {"trace": [5000], "debug": [10_000], "info": [20_000]}),
        (type_of_logback, {"warning": [30_000], "error": [40_000]}),
        (type_of_cloud, {"debug": [100], "info": [200, 300], "warning": [400], None: [0]}),
        (type_of_cloud, {"error": [500, 600, 700, 800]}),
        (type_of_monolog, {"debug": [100], "info": [200, 250], "warning": [300]}),
        (type_of_monolog, {"error": [400, 500, 550, 600]}),
        (type_of_windows, {"info": [0, 4], "error": [1, 2], "warning": [3], "trace": [5]}),
        (type_of_nextcloud, {"debug": [0], "info": [1], "warning": [2], "error": [3, 4]}),
        (type_of_dotnet, {"trace": [0], "debug": [1], "info": [2], "warning": [3]}),
        (type_of_dotnet, {"error": [4, 5], None: [6, -1]}),
    ],
)
def test_scales_of_numbers(scale: Scale, numbers: dict[str | None, list[int]]) -> None:
    given = [number for each in numbers.values() for number in each]
    assert {number: scale(number) for number in given} == {
        number: name for name, each in numbers.items() for number in each
    }


def test_numbers_between_and_beyond_the_five_types_say_more() -> None:
    assert [each for each in (10, 20, 30, 40, 50) if type_of_bunyan.says_more(each)] == []
    assert [each for each in (35, 60) if not type_of_bunyan.says_more(each)] == []
    assert [each for each in range(8) if type_of_syslog.says_more(each)] == [0, 1, 2, 5]
    assert [each for each in range(1, 25) if not type_of_otel.says_more(each)] == [1, 5, 9, 13, 17]


def test_every_word_means_one_of_the_five_types() -> None:
    assert set(WORDS) == set(TYPES)
