"""The plan of real folders: what it measures, what samples cost, and how the command tells it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import pytest

from tests.support.archive_runs import archive, catalog
from tests.support.folders import DAY, Batch, alter, fill
from tests.support.forking import WATERLINE, run
from tests.support.measured import fill_measured
from tests.support.object_store import ObjectStore, object_store
from waterline.archive.hot_rows import MAX_BATCH_SIZE
from waterline.archive.object_store.client import PART, open_bucket
from waterline.clock import now_ms
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import UsageError
from waterline.settings.keep import ArchiveKeep
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from workbench.plan.archive_cost import sample_of, sampled_costs
from workbench.plan.bucket import MONTH, monthly
from workbench.plan.lines import period, rate_text, rows
from workbench.plan.plan import DISK, Plan, WhatIf, make_plan

pytestmark = pytest.mark.slow

LOGS: Final = 6_000
SECONDS: Final = 60


def logs_of(count: int) -> list[dict[str, object]]:
    """Return logs that differ as those of a service do."""
    random = Random(5)
    return [
        {
            "type": random.choice(["info", "error"]),
            "message": f"GET /items/{random.randrange(500)} took {random.randrange(900)} ms",
            "status": random.choice([200, 200, 404, 500]),
            "duration_ms": random.randrange(900),
        }
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose server took 100 logs a second for a minute, until now."""
    data = tmp_path_factory.mktemp("plan") / "data"
    now = now_ms() // 1000 * 1000
    logs, each = logs_of(LOGS), LOGS // SECONDS
    begun = now - SECONDS * 1000
    batches = [
        Batch(logs[at * each : (at + 1) * each], "web", begun + at * 1000) for at in range(SECONDS)
    ]
    fill_measured(data, batches, now=now)
    measured_from(data, begun)
    return data


def measured_from(data: Path, begun: int) -> None:
    """Let it be so that measuring began at a moment, and not when the folder was made."""
    alter(data / "metrics.db", f"UPDATE progress SET measured_from = {begun}")


def planned(folder: Path, what_if: WhatIf | None = None, **settings: object) -> Plan:
    """Return the plan of a folder."""
    chosen = Settings(data=folder, **settings)  # type: ignore[arg-type]
    return make_plan(chosen, 7 * DAY, what_if or WhatIf())


def test_rate_and_size_are_those_of_the_logs(folder: Path) -> None:
    plan = planned(folder)
    assert plan.measured.logs == LOGS
    assert plan.rate == pytest.approx(LOGS / SECONDS, rel=0.05)
    assert plan.measured.hot_rows == LOGS
    size = (folder / "logs.db").stat().st_size
    assert plan.measured.hot_log == pytest.approx(size / LOGS, rel=0.1)
    assert plan.measured.lately is not None
    assert 0.9 < plan.measured.lately < 1.1


def test_rate_begins_with_the_first_log_and_not_with_the_server(tmp_path: Path) -> None:
    now = now_ms() // 1000 * 1000
    batches = [Batch(logs_of(100), "web", now - 20_000 + at * 1000) for at in range(20)]
    fill_measured(tmp_path / "data", batches, now=now)
    measured_from(tmp_path / "data", now - 3_600_000)
    assert planned(tmp_path / "data").rate == pytest.approx(100, rel=0.06)


def test_twice_the_rate_fills_a_disk_in_half_of_the_time(folder: Path) -> None:
    disk = folder.stat().st_size + 10 * 2**30
    once = planned(folder, WhatIf(disk=disk), archive_after=None)
    twice = planned(folder, WhatIf(disk=disk, rate=2 * once.rate), archive_after=None)
    assert once.to_full is not None
    assert twice.to_full is not None
    assert once.to_full / twice.to_full == pytest.approx(2, rel=0.05)
    assert once.first == DISK


def test_archives_that_are_kept_for_a_time_fit_for_ever(folder: Path) -> None:
    kept = ArchiveKeep(age=60 * DAY)
    plan = planned(folder, WhatIf(disk=2**40), archive_keep=kept)
    assert plan.to_full is None
    assert plan.forecast.most < 2**40


def test_sample_costs_what_a_batch_of_the_same_logs_takes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, [{**each, "id": f"{at}"} for at, each in enumerate(logs_of(4000))])
    for format_ in (PARQUET, JSON_GZ):
        sample = sample_of(DataFolder(data), ())
        (cost,) = sampled_costs(sample, [format_.encoding()], [4000])
        assert (cost.batch_rows, cost.is_measured) == (4000, False)
        other = tmp_path / format_.name
        fill(other, [{**each, "id": f"{at}"} for at, each in enumerate(logs_of(4000))])
        archive(other, format=format_, batch_rows=4000)
        (batch,) = catalog(other)
        assert cost.log_bytes == pytest.approx(batch.stored_bytes / batch.rows, rel=0.01)
        assert cost.raw_bytes == pytest.approx(batch.raw_bytes / batch.rows, rel=0.001)


def test_sample_of_long_logs_is_small(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, [{"type": "info", "message": "x" * 10_000} for _ in range(4000)])
    sample = sample_of(DataFolder(data), ())
    assert 1_000 <= sample.num_rows < 2_000
    assert sample["seq"][-1].as_py() == 4000


def test_larger_batches_and_higher_levels_take_less(folder: Path) -> None:
    costs = {(each.encoding, each.batch_rows): each.log_bytes for each in planned(folder).costs}
    default = str(PARQUET.encoding())
    assert costs[default, LOGS] < costs[default, 1000]
    assert costs[str(PARQUET.encoding(15)), LOGS] < costs[str(PARQUET.encoding(1)), LOGS]


def test_own_batches_count_before_a_sample(tmp_path: Path) -> None:
    data = tmp_path / "data"
    now = now_ms() // 1000 * 1000
    old = [Batch(logs_of(2000), "web", now - 40 * DAY)]
    new = [Batch(logs_of(2000), "web", now - 20_000 + at * 1000) for at in range(3)]
    fill_measured(data, [*old, *new], now=now)
    measured_from(data, now - 20_000)
    archive(data, now=now, batch_rows=1000)
    plan = planned(data)
    batches = catalog(data)
    assert plan.cost is not None
    assert plan.cost.is_measured
    assert plan.cost.log_bytes == sum(each.stored_bytes for each in batches) / 2000
    what_if = WhatIf(is_default_encoding=False)
    sampled = planned(data, what_if, archive_format=JSON_GZ)
    assert sampled.cost is not None
    assert sampled.cost.encoding == str(JSON_GZ.encoding())


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """A real store that counts requests."""
    with object_store() as running:
        yield running


@pytest.mark.parametrize("size", [100_000, PART, 2 * PART + 1])
def test_puts_are_those_that_an_upload_makes(store: ObjectStore, size: int) -> None:
    store.proxy.requests.clear()
    bucket = open_bucket(store.address, store.environment)
    bucket.put_new(f"batch-{size}", Random(size).randbytes(size))
    made = [each for each in store.proxy.requests if each.startswith(("PUT", "POST"))]
    looked = [each for each in store.proxy.requests if each.startswith("HEAD")]
    # A run each month, so that there are 30 days of one batch each, and one more.
    found = monthly(1.0, MONTH, 10**9, size * 31 / MONTH, 0.001)
    assert found.batches == pytest.approx(31)
    assert found.puts == pytest.approx(31 * (len(made) + 1))
    assert found.others == pytest.approx(31 * (len(looked) + 4))


def test_batches_are_full_where_logs_are_many() -> None:
    few = monthly(1.0, 86_400.0, 400_000, 20.0, 200.0)
    assert few.batch_rows == pytest.approx(43_200)
    assert few.batches == pytest.approx(60)
    many = monthly(1000.0, 86_400.0, 400_000, 20.0, 100.0)
    assert 390_000 < many.batch_rows <= 400_000
    long = monthly(1000.0, 86_400.0, 400_000, 20.0, 2000.0)
    assert long.batch_rows * 2000 <= MAX_BATCH_SIZE
    assert many.size == pytest.approx(1000 * MONTH * 20)
    assert many.batches == pytest.approx(1000 * MONTH / many.batch_rows)


def test_producers_beyond_a_limit_are_refused_first(folder: Path) -> None:
    plan = planned(folder, WhatIf(producers=2_500))
    assert plan.first == "token_connections"
    assert plan.limits[0].shows.startswith("429 too_many_connections")
    fast = planned(folder, WhatIf(rate=10**9))
    assert fast.first == "the writer"


def test_folder_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no measurements yet"):
        planned(tmp_path / "data")
    now = now_ms()
    fill_measured(tmp_path / "new", [Batch(logs_of(3), "web", now - 2000)], now=now)
    measured_from(tmp_path / "new", now)
    with pytest.raises(UsageError, match="were measured; let the server take logs"):
        planned(tmp_path / "new")


def test_command_tells_all_in_one_table(folder: Path) -> None:
    command = [WATERLINE, "plan", "--data", str(folder)]
    done = run([*command, "--disk", "10GiB", "--archive-after", "never", "--producers", "3000"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "full in" in done.stdout
    assert "refused first: token_connections" in done.stdout
    assert "assumed: logs come on as they did" in done.stdout
    found = msgspec.json.decode(run([*command, "--rate", "5", "--json"]).stdout)
    assert found["logs_per_second"] == 5
    assert found["archives"][0]["ratio"] > 1
    assert found["bucket"]["puts"] > 0


def test_words_fit_their_numbers(folder: Path) -> None:
    plan = planned(folder, WhatIf(producers=1))
    for lost, what in ((-2 * 2**30 / 86_400, "the disk gained"), (1.0, "the disk lost")):
        measured = replace(plan.measured, disk_lost=lost, lately=0.0)
        told = replace(plan, measured=measured)
        amounts = {name: amount for name, amount, _ in rows(told)}
        assert what in amounts
        assert not any("-" in amount for amount in amounts.values())
        assert "descriptors, 1 producer" in amounts
        assert "; in the last quarter none came" in period(told)
    assert "the disk gained" not in amounts
    assert "shrinks by" in {name for name, *_ in rows(replace(plan, growth=-5.0))}


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "none"),
        (1e-6, "0.09 a day"),
        (1e-4, "8.6 a day"),
        (0.25, "900.0 an hour"),
        (1, "1.0 a second"),
        (12_345, "12,345.0 a second"),
    ],
)
def test_rate_is_told_by_a_time_in_which_logs_come(rate: float, text: str) -> None:
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--codec", "snappy", "give parquet or json.gz"),
        ("--codec", "parquet:99", "is no level"),
        ("--disk", "much", "is no size"),
        ("--keep", "soon", "is no age or size"),
        ("--period", "long", "is no duration"),
    ],
)
def test_mistake_is_one_sentence(folder: Path, option: str, text: str, said: str) -> None:
    done = run([WATERLINE, "plan", "--data", str(folder), option, text])
    assert done.returncode == 1
    assert option in done.stderr
    assert said in done.stderr
