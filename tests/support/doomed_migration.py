"""`waterline migrate` on a disk that forgets, until its power goes."""

import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

from tests.support.disk import PowerCut
from tests.support.doomed_step import forget_until
from tests.support.forking import run
from workbench.cli.main import main

_ROOT: Final = Path(__file__).parents[2]


class Plan(msgspec.Struct, frozen=True):
    """What the program is to do: run a command until the power goes."""

    arguments: list[str]
    cut: PowerCut


def migrate_until(cut: PowerCut, *arguments: str | Path) -> bool:
    """Run the command in a process of its own; say whether the power went before it was done."""
    plan = msgspec.json.encode(Plan(["migrate", *map(str, arguments)], cut)).decode()
    done = run([sys.executable, "-m", "tests.support.doomed_migration"], cwd=_ROOT, stdin=plan)
    assert done.returncode in {0, -signal.SIGKILL}, done
    return done.returncode != 0


def migrate(plan: Plan) -> None:
    """Run the real command in this process, over the disk."""
    forget_until(plan.cut)
    main(plan.arguments)


if __name__ == "__main__":
    migrate(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))
