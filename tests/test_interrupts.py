"""What tests start heeds Ctrl-C, also where the suite itself was told to ignore it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE

_ASK = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_what_is_started_heeds_ctrl_c() -> None:
    asked = subprocess.run([sys.executable, "-c", _ASK], stdout=subprocess.PIPE, check=True)
    assert asked.stdout == b"True\n"


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_it_does_too_where_a_script_runs_the_suite_in_the_background(workers: str) -> None:
    """The shell of a script lets what it puts into the background ignore Ctrl-C."""
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    suite = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*ignoring, *suite, f"{__file__}::{test_what_is_started_heeds_ctrl_c.__name__}"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
