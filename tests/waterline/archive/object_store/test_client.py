"""Object storage: what is put is checked there, and nothing half ever comes back."""

import hashlib
import os
import random
import subprocess
import sys

import pytest

from tests.support.faulty_proxy import Fault, answer
from tests.support.object_store import QUICK, ObjectStore, remote_sentence
from tests.support.processes import PATIENCE
from waterline.archive.object_store.client import PART, Bucket, StoredObject, open_bucket

LONG = random.Random(4).randbytes(2 * PART + 12_345)
SHORT = b"a batch of logs"


@pytest.mark.slow
class TestRoundTrip:
    @pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, len(LONG)])
    def test_what_was_put_is_got(self, bucket: Bucket, store: ObjectStore, size: int) -> None:
        content = LONG[:size]
        stored = bucket.put("2026-11-23/batch-0001.parquet", content)
        assert stored == bucket.head("2026-11-23/batch-0001.parquet")
        assert stored.size == size
        assert bucket.get("2026-11-23/batch-0001.parquet") == content
        in_parts = -(-size // PART) if size > PART else 1
        assert store.proxy.count("PUT") == in_parts
        # The store's checksum was enough: nothing was read back but for the question above.
        assert store.proxy.count("GET") == 1

    def test_what_goes_over_the_wire_is_signed_with_its_sha256(
        self, bucket: Bucket, store: ObjectStore
    ) -> None:
        bucket.put("a", SHORT)
        bucket.put("b", LONG)
        expected = [SHORT, LONG[:PART], LONG[PART : 2 * PART], LONG[2 * PART :]]
        signed = [
            head.split("x-amz-content-sha256: ")[1].split("\r\n")[0]
            for head in store.proxy.heads
            if head.startswith("PUT ")
        ]
        assert sorted(signed) == sorted(hashlib.sha256(each).hexdigest() for each in expected)

    def test_a_missing_object_has_no_head_and_its_reader_is_told(
        self, bucket: Bucket, address: str
    ) -> None:
        assert bucket.head("2026-11-23/batch-0001.parquet") is None
        text = remote_sentence(lambda: bucket.get("2026-11-23/batch-0001.parquet"))
        assert text.startswith(
            f"cannot read {address}/2026-11-23/batch-0001.parquet: it is missing"
        )

    def test_part_is_read_and_a_missing_one_is_named(self, bucket: Bucket, address: str) -> None:
        bucket.put("a", b"0123456789")
        assert bucket.get_part("a", 3, 4) == b"3456"
        text = remote_sentence(lambda: bucket.get_part("b", 0, 1))
        assert text.startswith(f"cannot read {address}/b: it is missing")

    def test_names_are_those_below_the_prefix_in_order(
        self, bucket: Bucket, store: ObjectStore, address: str
    ) -> None:
        beside = open_bucket(f"{address}2", store.environment)
        for key in ("2026-11-24/b", "2026-11-23/b", "2026-11-23/a", "2026-11-231/a", "top"):
            bucket.put(key, SHORT)
        beside.put("not-ours", SHORT)
        assert bucket.names() == [
            "2026-11-23/a",
            "2026-11-23/b",
            "2026-11-231/a",
            "2026-11-24/b",
            "top",
        ]
        for folder in ("2026-11-23", "2026-11-23/"):
            assert bucket.names(folder) == ["2026-11-23/a", "2026-11-23/b"]
        assert bucket.names("2025-01-01") == []
        assert beside.names() == ["not-ours"]

    def test_names_come_in_pages_and_all_of_them(self, another: Bucket) -> None:
        keys = [f"{number:04d}" for number in range(1_001)]  # a store lists a thousand at once
        for key in keys:
            another._upload(another._address.object_key(key), b"")
        assert another.names() == keys

    def test_a_store_that_lists_in_no_order_is_put_in_order(
        self, store: ObjectStore, bucket: Bucket
    ) -> None:
        prefix = bucket.address.removeprefix(f"{store.address}/")
        listed = "".join(
            f"<Contents><Key>{prefix}/{key}</Key><Size>1</Size><ETag>0</ETag>"
            "<LastModified>2026-11-23T10:00:00Z</LastModified></Contents>"
            for key in ("b", "c", "a")
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>"
        store.proxy.faults.append(Fault(method="GET", answer=answer("200 OK", body.encode())))
        assert bucket.names() == ["a", "b", "c"]

    def test_a_bucket_without_a_prefix_names_everything(self, store: ObjectStore) -> None:
        whole = open_bucket(store.address, store.environment)
        whole.put("of-no-prefix", SHORT)
        assert "of-no-prefix" in whole.names()
        assert whole.get("of-no-prefix") == SHORT
        whole.delete("of-no-prefix")
        assert "of-no-prefix" not in whole.names()

    def test_an_object_can_be_removed_twice(self, bucket: Bucket) -> None:
        bucket.put("a/b", SHORT)
        bucket.put("a/c", SHORT)
        bucket.delete("a/b")
        bucket.delete("a/b")
        assert bucket.names() == ["a/c"]

    def test_put_writes_over_what_was_there(self, bucket: Bucket) -> None:
        bucket.put("manifest.json", b"old and longer")
        bucket.put("manifest.json", b"new")
        assert bucket.get("manifest.json") == b"new"

    def test_the_keys_are_those_it_was_given_and_not_those_of_the_process(
        self, store: ObjectStore, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.setenv(name, "of-another")
        assert open_bucket(address, store.environment).put("a", SHORT).size == len(SHORT)


@pytest.mark.slow
class TestChecks:
    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    def test_what_is_altered_on_its_way_is_found(
        self, bucket: Bucket, store: ObjectStore, content: bytes
    ) -> None:
        store.proxy.faults.append(
            Fault(method="PUT", times=1, alter=lambda body: bytes([body[0] ^ 1]) + body[1:])
        )
        text = remote_sentence(lambda: bucket.put("a", content))
        # In parts the store finds it itself: it is told the tag of every part in the end.
        assert text.startswith(f"cannot write {bucket.url('a')}: ")

    @pytest.mark.parametrize("other", [b"another client", SHORT[::-1]], ids=["shorter", "as-long"])
    def test_what_another_client_wrote_before_the_check_is_found(
        self, bucket: Bucket, another: Bucket, store: ObjectStore, other: bytes
    ) -> None:
        store.proxy.faults.append(
            Fault(method="HEAD", times=1, before=lambda: another.put("a", other))
        )
        text = remote_sentence(lambda: bucket.put("a", SHORT))
        assert "the store has something else than was sent" in text

    def test_what_another_client_removed_before_the_check_is_found(
        self, bucket: Bucket, another: Bucket, store: ObjectStore
    ) -> None:
        store.proxy.faults.append(Fault(method="HEAD", times=1, before=lambda: another.delete("a")))
        assert "something else than was sent" in remote_sentence(lambda: bucket.put("a", SHORT))

    @pytest.mark.parametrize("tag", ["0" * 32, "of-its-own", '"0"', ""])
    def test_a_tag_of_another_meaning_lets_the_object_be_read_back(
        self, bucket: Bucket, store: ObjectStore, tag: str
    ) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(SHORT)}\r\nETag: {tag}\r\n"
            "Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\nConnection: close\r\n\r\n"
        )
        store.proxy.faults.append(Fault(method="HEAD", answer=head.encode()))
        assert bucket.put("a", SHORT) == StoredObject(len(SHORT), tag.strip('"'))
        assert store.proxy.count("GET") == 1
        store.proxy.faults.append(Fault(method="PUT", alter=lambda body: body[::-1]))
        assert "something else than was sent" in remote_sentence(lambda: bucket.put("a", SHORT))


@pytest.mark.slow
class TestPutNew:
    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    def test_an_upload_that_is_resumed_finds_its_own_object(
        self, bucket: Bucket, store: ObjectStore, content: bytes
    ) -> None:
        first = bucket.put_new("a", content)
        store.proxy.reset()
        assert bucket.put_new("a", content) == first
        assert store.proxy.requests == [f"HEAD /{bucket.url('a').removeprefix('s3://')}"]

    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    @pytest.mark.parametrize("shift", [0, 1], ids=["as-long", "longer"])
    def test_another_object_is_never_written_over(
        self, bucket: Bucket, store: ObjectStore, content: bytes, shift: int
    ) -> None:
        other = content[::-1] + b"+" * shift
        bucket.put("a", other)
        text = remote_sentence(lambda: bucket.put_new("a", content))
        assert store.proxy.count("GET") == (0 if shift else 1)  # the size alone tells
        assert "belongs to another data folder; choose another prefix" in text
        assert bucket.get("a") == other

    @pytest.mark.parametrize("is_same", [True, False], ids=["same", "other"])
    def test_who_writes_in_between_is_not_written_over(
        self, bucket: Bucket, another: Bucket, store: ObjectStore, is_same: bool
    ) -> None:
        theirs = SHORT if is_same else b"theirs"
        store.proxy.faults.append(
            Fault(method="PUT", times=1, before=lambda: another.put("a", theirs))
        )
        if is_same:
            assert bucket.put_new("a", SHORT).size == len(SHORT)
        else:
            assert "another data folder" in remote_sentence(lambda: bucket.put_new("a", SHORT))
        assert bucket.get("a") == theirs

    def test_an_answer_that_was_lost_is_asked_for_again(
        self, bucket: Bucket, store: ObjectStore
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", times=1, drop_answer=True))
        assert bucket.put_new("a", SHORT).size == len(SHORT)
        assert store.proxy.count("PUT") == 2  # the second is told that it is there
        assert bucket.get("a") == SHORT

    def test_a_connection_that_always_breaks_is_given_up(
        self, bucket: Bucket, another: Bucket, store: ObjectStore
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", cut_upload_at=3))
        assert "the connection was cut" in remote_sentence(lambda: bucket.put_new("a", SHORT))
        assert store.proxy.count("PUT") == 1 + QUICK.retries
        assert another.head("a") is None


_FORKING = """
import os, sys
from waterline.archive.object_store.client import open_bucket
from waterline.errors import RemoteError
bucket = open_bucket(sys.argv[1])
bucket.names()
if os.fork():
    os.wait()
else:
    for each in (bucket, open_bucket(sys.argv[1])):
        try:
            each.names()
        except RemoteError as error:
            print(error)
print(len(bucket.names()) if os.getpid() == os.getsid(0) else "forked", flush=True)
os._exit(0)
"""


def test_process_that_is_forked_off_one_that_used_it_is_told(store: ObjectStore) -> None:
    """The client's threads do not outlive a fork: without a check it waits for ever."""
    process = subprocess.run(
        [sys.executable, "-c", _FORKING, f"{store.address}/forked"],
        env={**os.environ, **store.direct},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    sentence = (
        f"cannot list {store.address}/forked: this process was forked off one that had used "
        "object storage; start it by `spawn`, as multiprocessing.get_context has it"
    )
    assert process.stdout.splitlines() == [sentence, sentence, "forked", "0"]
    assert process.stderr == ""
