"""What was acked is hot or archived, exactly once, whatever kills an archive job or the server.

`--kills` makes a run longer, `--durability-seed` chooses the same moments again.
"""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

import pytest

from tests.support.asking import Analyst, analyst
from tests.support.doomed_job import Moment, Phase, run_doomed_job
from tests.support.folders import DAY, fill
from tests.support.forking import WATERLINE, Started
from tests.support.load import Load, message_of
from tests.support.looking import Looker, number, read_moment
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    create_token,
    run_waterline,
    serving,
    start_server,
)
from tests.support.sockets import connected, log, receive
from tests.support.waiting import wait_until
from waterline.clock import now_ms

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load")]

# So many steps of a phase a job does at most before it dies, if the phase has as many.
_STEPS: Final = {
    Phase.BATCH: 60,
    Phase.RECORD: 100,
    Phase.MANIFEST: 8,
    Phase.REMOVE: 200,
    Phase.SHRINK: 60,
}
ROWS: Final = "SELECT count(*) FROM logs"
LAST: Final = "SELECT max(seq) FROM logs"
REMEMBERED: Final = "SELECT count(*) FROM archived_ids"
# Jobs that are killed during one life of the server, at most.
_MOST_A_LIFE: Final = 6


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder on a disk, whose syncs hold the load back: in memory no job keeps up with it."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def random(request: pytest.FixtureRequest, tell: Callable[[str], None]) -> Random:
    """The chance of one test, which its name and the seed decide."""
    seed = request.config.getoption("--durability-seed")
    tell(f"{request.node.name}: --durability-seed {seed}")
    return Random(f"{seed} {request.node.name}")


@dataclass
class Trial:
    """A folder under load, and the archive jobs that were killed over it."""

    data: Path
    load: Load
    random: Random
    killed: Counter[str] = field(default_factory=Counter)
    """Jobs that died, by what they were at."""
    completed: int = 0
    looks: Counter[str] = field(default_factory=Counter)
    """Of the readers that ask all the time, once there were logs."""
    phases: Iterator[Phase | None] = field(init=False)

    def __post_init__(self) -> None:
        phases: list[Phase | None] = [*Phase, None]
        self.random.shuffle(phases)
        self.phases = cycle(phases)

    def options(self) -> list[str]:
        """Choose how a job archives."""
        chosen = self.random.choice(("parquet", "json.gz"))
        return ["--batch-rows", "2000", "--format", chosen]

    def assert_whole(self, looker: Looker | Analyst) -> None:
        """See that what was acked before a look is there, and nothing that was never sent."""
        acked = self.load.acked
        look = looker.look()
        assert look.faults == []
        assert look.losses(acked) == []
        assert look.seqs.keys() <= self.load.sent

    def look_until(self, stopping: Event, looker: Looker | Analyst) -> None:
        """Look all the time."""
        while not stopping.is_set():
            self.assert_whole(looker)
            self.looks[type(looker).__name__] += bool(self.load.answers)

    def kill_a_job(self) -> None:
        """Start a job and let it die, in each phase in turn or at any moment."""
        phase = next(self.phases)
        if phase is None:
            self._kill_from_outside()
            return
        after = self.random.randrange(_STEPS[phase])
        while not run_doomed_job(self.data, Moment(phase, after), *self.options()):
            self.completed += 1
            if not after:
                return  # there was nothing to do in this phase
            after //= 2
        self.killed[phase.value] += 1

    def _kill_from_outside(self) -> None:
        arguments = ["--data", str(self.data), "--older-than", "0s", *self.options()]
        job = Started(
            [WATERLINE, "archive", "run", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        wanted = self.load.answers + self.random.randint(0, 6000)
        wait_until(
            lambda: self.load.answers >= wanted or job.poll() is not None,
            "the server gave no more acks",
        )
        job.kill()
        _, errors = job.communicate(timeout=PATIENCE)
        assert (job.returncode, errors) in {(-signal.SIGKILL, ""), (0, "")}
        if job.returncode:
            self.killed["anything"] += 1
        else:
            self.completed += 1


@contextmanager
def looked_at(trial: Trial) -> Iterator[Callable[[], bool]]:
    """Let two readers ask all the time, who raise at the end what they saw that must not be.

    Gives what says whether one has.
    """
    stopping = Event()
    with ThreadPoolExecutor(2) as pool, analyst(trial.data) as other:
        looking = [
            pool.submit(trial.look_until, stopping, each) for each in (Looker(trial.data), other)
        ]
        try:
            yield lambda: any(each.done() for each in looking)
        finally:
            stopping.set()
            for each in as_completed(looking):
                each.result()


def test_acked_log_is_hot_or_archived_once_after_sigkills_while_archiving(
    data: Path, random: Random, tell: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    kills, token = int(request.config.getoption("--kills") or 5), create_token(data)
    trial, looker = Trial(data, Load(random.getrandbits(32)), random), Looker(data)
    lives = 0

    def kill_jobs(server: ServerProcess, failed: Callable[[], bool], jobs: int) -> None:
        for _ in range(jobs):
            if server.process.poll() is not None or failed():
                break
            trial.kill_a_job()
            trial.assert_whole(looker)
        server.kill()

    with serving(data, token=token):
        pass  # so that there is a folder to look at
    with looked_at(trial) as failed:
        while trial.killed.total() < kills and not failed():
            jobs = min(kills - trial.killed.total(), random.randint(1, _MOST_A_LIFE))
            server = start_server(data, "--archive-after", "never", token=token)
            trial.load.run_until_gone(server, partial(kill_jobs, server, failed, jobs))
            lives += 1
            trial.assert_whole(looker)
            if random.random() < 0.5:
                trial.kill_a_job()
                trial.assert_whole(looker)
    assert_complete(trial, token)
    tell(
        f"{trial.killed.total()} kills of jobs, {lives} of the server: "
        f"{len(trial.load.acked)} ids acked, {trial.load.duplicates} duplicates answered, "
        f"{len(read_moment(data).batches)} batches, {trial.completed} whole runs, "
        f"looks {dict(trial.looks)}; killed while {dict(trial.killed)}"
    )


def assert_complete(trial: Trial, token: str) -> None:
    """Archive the rest and send everything again: every log is there once, where it was."""
    data, load = trial.data, trial.load
    archive(data)
    assert_archived(data)
    trial.assert_whole(Looker(data))
    with serving(data, "--archive-after", "never", token=token) as server:
        load.send_all_again(server)
    look = Looker(data).look()
    assert look.faults == []
    assert look.seqs == load.acked
    assert load.acked.keys() == load.sent


def assert_archived(data: Path) -> None:
    """See that no row is left, that every file is sound, and that nothing else lies about."""
    assert number(data, ROWS) == 0
    done = run_waterline("archive", "verify", "--data", data)
    assert (done.returncode, done.stderr) == (0, "")


def archive(data: Path, dedupe_window: str = "1d") -> None:
    """Archive all that is there, beside whatever server there is."""
    done = run_waterline(
        *("archive", "run", "--data", data, "--older-than", "0s"),
        WATERLINE_DEDUPE_WINDOW=dedupe_window,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("age", [0, 30 * DAY], ids=["beside", "alone"])
@pytest.mark.parametrize("phase", list(Phase))
def test_job_killed_anywhere_loses_no_log_and_next_one_goes_on(
    data: Path, phase: Phase, age: int
) -> None:
    ids = [f"log-{number}" for number in range(200)]
    logs = [{"id": each, "type": "info", "message": message_of(each)} for each in ids]
    # A job rests for those who sent a moment ago, and removes all at once after a silence.
    fill(data, logs, received_at=now_ms() - age)
    after, looker = 0, Looker(data)
    while run_doomed_job(data, Moment(phase, after)):
        look = looker.look()
        assert look.faults == []
        assert look.seqs == {each: seq for seq, each in enumerate(ids, 1)}
        # The steps of the database are many and alike.
        after = after + 1 if phase in {Phase.BATCH, Phase.MANIFEST} else 2 * after + 1
    assert after
    assert_archived(data)
    assert looker.look().seqs.keys() == set(ids)


# A log sent again


@pytest.fixture
def remembering(data: Path) -> Iterator[ServerProcess]:
    """A server that archives nothing by itself and recognises archived logs for a day."""
    with serving(data, "--archive-after", "never") as server:
        yield server


@pytest.fixture
def forgetful(data: Path) -> Iterator[ServerProcess]:
    """The same, but it recognises archived logs for a second only."""
    with serving(data, "--archive-after", "never", "--dedupe-window", "1s") as server:
        yield server


def send(server: ServerProcess, log_id: str) -> tuple[int, bool]:
    """Send a log; return the seq it was acked with, and whether as a duplicate."""
    with connected(server) as producer:
        producer.send(log(id=log_id, message=message_of(log_id)))
        answer = receive(producer)
    assert (answer["type"], answer["logId"]) == ("ack", log_id)
    return int(answer["seq"]), answer.get("duplicate", False)


def archive_and_keep_the_rows(data: Path) -> None:
    """Archive all that is there by a job that dies before it removes the rows."""
    assert run_doomed_job(data, Moment(Phase.REMOVE, 0))
    assert number(data, "SELECT archived_through FROM seam") == number(data, LAST)


def archive_and_remove_the_rows(data: Path) -> None:
    """Archive all that is there; the rows go."""
    archive(data)
    assert number(data, ROWS) == 0


ways_to_archive = pytest.mark.parametrize(
    "archived", [archive_and_keep_the_rows, archive_and_remove_the_rows]
)


@ways_to_archive
def test_log_sent_again_after_it_was_archived_is_acked_as_duplicate(
    remembering: ServerProcess, archived: Callable[[Path], None]
) -> None:
    data = remembering.data
    assert [send(remembering, each) for each in ("a", "b")] == [(1, False), (2, False)]
    archived(data)
    assert [send(remembering, each) for each in "bca"] == [(2, True), (3, False), (1, True)]
    look = Looker(data).look()
    assert (look.seqs, look.faults) == ({"a": 1, "b": 2, "c": 3}, [])


def test_log_sent_again_after_restart_and_second_run_is_acked_as_duplicate(
    data: Path,
) -> None:
    with serving(data, "--archive-after", "never") as server:
        assert send(server, "a") == (1, False)
        archive(data)
    archive(data)
    with serving(data, "--archive-after", "never", token=server.token) as server:
        assert send(server, "a") == (1, True)


@ways_to_archive
def test_archived_log_sent_again_after_window_is_new_log(
    forgetful: ServerProcess, archived: Callable[[Path], None]
) -> None:
    answers = [send(forgetful, "a")]
    archived(forgetful.data)

    def is_new() -> bool:
        answers.append(send(forgetful, "a"))
        return not answers[-1][1]

    wait_until(is_new, "it is still taken for a duplicate")
    assert answers[-1] == (2, False)
    assert set(answers[1:-1]) <= {(1, True)}
    assert send(forgetful, "a") == (2, True)


def test_expired_ids_are_cleared_by_later_run(forgetful: ServerProcess) -> None:
    data = forgetful.data
    send(forgetful, "a")
    archive(data)
    assert number(data, REMEMBERED) == 1

    def is_cleared() -> bool:
        archive(data, dedupe_window="1s")
        return number(data, REMEMBERED) == 0

    wait_until(is_cleared, "the id is still remembered")
    assert send(forgetful, "a") == (2, False)
