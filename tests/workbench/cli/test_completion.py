"""Completion of the three shells: their scripts, and what bash is told by ours."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.forking import WATERLINE
from tests.support.processes import PATIENCE, run_waterline

pytestmark = pytest.mark.slow

_ASK = """
source <(waterline completion bash)
complete -p waterline >&2
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_waterline_completion waterline
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(words: str) -> list[str]:
    """Return what bash offers for the last of these words."""
    path = f"{Path(WATERLINE).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", _ASK.format(words=words)], capture_output=True, text=True, check=True,
        timeout=PATIENCE, env=os.environ | {"PATH": path},
    )  # fmt: skip
    assert "_waterline_completion waterline" in done.stderr
    return done.stdout.split()


def test_bash_completes_commands_and_options() -> None:
    assert completed("waterline arch") == ["archive"]
    assert completed("waterline archive ver") == ["verify"]
    assert completed("waterline tail --fo") == ["--format"]
    assert completed("waterline tail --format tex") == ["text"]


@pytest.mark.parametrize(("shell", "says"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_script_of_a_shell_is_printed(shell: str, says: str) -> None:
    done = run_waterline("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
    assert "_WATERLINE_COMPLETE" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True, timeout=PATIENCE)
