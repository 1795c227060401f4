"""Object storage that refuses, breaks off or talks nonsense: bounded tries, then one sentence."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.faulty_proxy import Fault, answer, refusing_endpoint
from tests.support.object_store import QUICK, ObjectStore, remote_sentence
from waterline.archive.object_store.client import PART, Bucket, open_bucket
from waterline.errors import RemoteError

LONG = random.Random(4).randbytes(2 * PART + 12_345)
SHORT = b"a batch of logs"


@pytest.mark.slow
class TestFaults:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("AWS_SECRET_ACCESS_KEY", "the secret does not belong to the access key"),
            ("AWS_ACCESS_KEY_ID", "the access key is not known there"),
        ],
    )
    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    def test_wrong_credentials_fail_at_the_first_request(
        self, store: ObjectStore, address: str, name: str, words: str, content: bytes
    ) -> None:
        wrong = "AKIA0WRONG0WRONG0"
        refused = open_bucket(address, {**store.environment, name: wrong})
        text = remote_sentence(lambda: refused.put("a", content))
        assert text.startswith(f"cannot write {address}/a: access denied (403), {words}; check")
        assert len(store.proxy.requests) == 1
        store.proxy.reset()
        text = remote_sentence(lambda: refused.put_new("a", content))
        assert "access denied (403)" in text
        assert len(store.proxy.requests) == 1

    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    def test_a_missing_bucket_fails_at_the_first_request(
        self, store: ObjectStore, content: bytes
    ) -> None:
        missing = open_bucket("s3://no-such-bucket/a", store.environment)
        text = remote_sentence(lambda: missing.put("b", content))
        assert text == (
            "cannot write s3://no-such-bucket/a/b: there is no such bucket; "
            "create it, or correct the address"
        )
        assert len(store.proxy.requests) == 1
        assert "there is no such bucket" in remote_sentence(lambda: missing.put_new("b", content))
        assert "there is no such bucket" in remote_sentence(lambda: missing.get("b"))
        assert "there is no such bucket" in remote_sentence(missing.names)
        assert missing.head("b") is None

    def test_a_refused_connection_is_tried_a_bounded_number_of_times(
        self, store: ObjectStore
    ) -> None:
        with refusing_endpoint() as endpoint:
            environment = {**store.environment, "AWS_ENDPOINT_URL": endpoint}
            refused = open_bucket("s3://logs", environment, QUICK)
            for call in (
                lambda: refused.put("a", SHORT),
                lambda: refused.put("a", LONG),
                lambda: refused.put_new("a", SHORT),
                lambda: refused.get("a"),
                lambda: refused.head("a"),
                lambda: refused.delete("a"),
                refused.names,
            ):
                text = remote_sentence(call)
                assert "it cannot be reached: connection refused; check AWS_ENDPOINT_URL" in text

    def test_a_busy_store_is_asked_again(self, bucket: Bucket, store: ObjectStore) -> None:
        for method in ("PUT", "HEAD", "GET", "DELETE"):
            busy = answer("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>")
            store.proxy.faults.append(Fault(method=method, times=2, answer=busy))
        bucket.put("a", SHORT)
        assert bucket.get("a") == SHORT
        bucket.delete("a")
        assert [store.proxy.count(each) for each in ("PUT", "HEAD", "GET", "DELETE")] == [3] * 4

    def test_by_default_a_busy_store_is_asked_six_times(
        self, store: ObjectStore, address: str
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", answer=answer("503 Slow Down")))
        text = remote_sentence(lambda: open_bucket(address, store.environment).put("a", SHORT))
        assert text == f"cannot write {address}/a: the store is too busy (503); try again later"
        assert store.proxy.requests == [f"PUT /{address.removeprefix('s3://')}/a"] * 6

    @pytest.mark.parametrize(
        ("status", "code", "words"),
        [
            ("400 Bad Request", "ExpiredToken", "the session token has expired; set AWS_SESSION"),
            ("400 Bad Request", "Unheard", "the store refused (400)"),
            ("403 Forbidden", "AccessDenied", "access denied (403); check the credentials"),
            ("403 Forbidden", "RequestTimeTooSkewed", "this machine's clock is wrong"),
            ("401 Unauthorized", "", "access denied (401)"),
            ("301 Moved Permanently", "PermanentRedirect", "the bucket is in another region"),
            ("500 Internal Server Error", "InternalError", "the store failed (500); try again"),
            ("200 OK", "", "the answer is not that of a store; check that AWS_ENDPOINT_URL is"),
        ],
    )
    def test_every_answer_becomes_a_sentence(
        self, bucket: Bucket, store: ObjectStore, status: str, code: str, words: str
    ) -> None:
        # What S3 says of a wrong key, with all that it shows.
        body = (
            f"<Error><Code>{code}</Code><AWSAccessKeyId>{store.key_id}</AWSAccessKeyId>"
            f"<StringToSign>{store.secret}</StringToSign></Error>"
        )
        store.proxy.faults.append(Fault(method="PUT", answer=answer(status, body.encode())))
        text = remote_sentence(lambda: bucket.put("a", SHORT))
        assert words in text
        assert store.key_id not in text
        assert store.secret not in text

    @pytest.mark.parametrize(
        "content",
        [b"", b"HTTP/1.1 what\r\n\r\n", answer("200 OK", b"<html>"), answer("200 OK", b"\x00")],
    )
    def test_what_is_no_object_store_is_told_so(
        self, bucket: Bucket, store: ObjectStore, content: bytes
    ) -> None:
        store.proxy.faults.append(Fault(method="GET", answer=content))
        assert remote_sentence(bucket.names).startswith(f"cannot list {bucket.address}: ")
        assert remote_sentence(lambda: bucket.get("a")).startswith(
            f"cannot read {bucket.url('a')}: "
        )

    def test_a_store_that_never_answers_times_out(self, store: ObjectStore, address: str) -> None:
        store.proxy.faults.append(Fault(method="PUT", silent=True))
        hurried = replace(QUICK, retries=1, request=timedelta(milliseconds=200))
        silent = open_bucket(address, store.environment, hurried)
        assert "it timed out; check AWS_ENDPOINT_URL" in remote_sentence(
            lambda: silent.put("a", SHORT)
        )
        assert store.proxy.count("PUT") == 2

    def test_a_new_object_is_not_tried_beyond_its_time(
        self, store: ObjectStore, address: str
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", cut_upload_at=3))
        hurried = replace(QUICK, retrying=timedelta(0))
        found = open_bucket(address, store.environment, hurried)
        assert "the connection was cut" in remote_sentence(lambda: found.put_new("a", SHORT))
        assert store.proxy.count("PUT") == 1

    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    @pytest.mark.parametrize("new", [False, True], ids=["put", "put_new"])
    def test_an_upload_that_is_cut_once_succeeds(
        self, bucket: Bucket, store: ObjectStore, content: bytes, new: bool
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", times=1, cut_upload_at=len(content) // 20))
        assert (bucket.put_new if new else bucket.put)("a", content).size == len(content)
        assert bucket.get("a") == content

    @pytest.mark.parametrize("content", [SHORT, LONG], ids=["at-once", "in-parts"])
    def test_an_upload_that_is_always_cut_leaves_what_was_there(
        self, bucket: Bucket, store: ObjectStore, content: bytes
    ) -> None:
        bucket.put("a", b"before")
        store.proxy.reset()
        store.proxy.faults.append(Fault(method="PUT", cut_upload_at=len(content) // 20))
        assert "the connection was cut; try again later" in remote_sentence(
            lambda: bucket.put("a", content)
        )
        assert store.proxy.count("PUT") <= 2 * (1 + QUICK.retries)  # two parts at once
        assert bucket.get("a") == b"before"

    def test_the_parts_of_an_upload_that_failed_do_not_stay(
        self, bucket: Bucket, store: ObjectStore
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", cut_upload_at=1_000))
        remote_sentence(lambda: bucket.put("a", LONG))
        (dropped,) = [each for each in store.proxy.requests if each.startswith("DELETE ")]
        assert "?uploadId=" in dropped

    def test_a_download_that_is_cut_goes_on_where_it_stopped(
        self, bucket: Bucket, another: Bucket, store: ObjectStore
    ) -> None:
        another.put("a", LONG)
        store.proxy.faults.append(Fault(method="GET", times=1, cut_download_at=PART))
        assert bucket.get("a") == LONG
        assert store.proxy.count("GET") == 2

    @pytest.mark.parametrize("share", [0, 1, 19])
    def test_a_download_that_is_always_cut_is_no_content(
        self, bucket: Bucket, another: Bucket, store: ObjectStore, share: int
    ) -> None:
        another.put("a", LONG)
        cut = Fault(method="GET", cut_download_at=len(LONG) * share // 2_000)
        store.proxy.faults.append(cut)
        text = remote_sentence(lambda: bucket.get("a"))
        assert text == f"cannot read {bucket.url('a')}: the connection was cut; try again later"
        assert store.proxy.count("GET") == 1 + QUICK.retries

    def test_without_keys_the_metadata_service_is_asked_and_not_for_long(
        self, store: ObjectStore
    ) -> None:
        store.proxy.faults.append(Fault(method="PUT", answer=answer("503 Service Unavailable")))
        with refusing_endpoint() as nobody:
            environment = {
                "AWS_ENDPOINT_URL": nobody,
                "AWS_EC2_METADATA_SERVICE_ENDPOINT": store.proxy.endpoint,
            }
            keyless = open_bucket("s3://logs", environment)
            text = remote_sentence(lambda: keyless.put("a", SHORT))
        assert text.startswith("cannot write s3://logs/a: there are no credentials; set AWS_ACCESS")
        # Twice only: where there is no such service, nobody wants to wait for it.
        assert store.proxy.requests == ["PUT /latest/api/token"] * 2


@pytest.mark.slow
def test_no_error_ever_holds_credential(store: ObjectStore, address: str) -> None:
    chance = random.Random("bucket")
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    token = "hidden-token-0123456789"
    for _ in range(60):
        environment = {**store.environment, "AWS_SESSION_TOKEN": chance.choice(["", token])}
        for name in keys:
            if chance.random() < 0.3:
                environment[name] = "hidden" + environment[name]
        shown = "".join(f"<{name}>{value}</{name}>" for name, value in environment.items())
        status = chance.choice(["400 Bad", "401 No", "403 No", "404 No", "409 No", "412 No"])
        store.proxy.reset()
        store.proxy.faults.extend(
            chance.choice(
                [
                    Fault(method=method, answer=answer(status, shown.encode())),
                    Fault(method=method, answer=answer("200 OK", shown.encode())),
                    Fault(method=method, answer=shown.encode()),
                    Fault(method=method, cut_upload_at=chance.randrange(20)),
                    Fault(method=method, cut_download_at=chance.randrange(20)),
                ]
            )
            for method in ("PUT", "HEAD", "GET", "DELETE")
        )
        found = open_bucket(address, environment, QUICK)
        calls: list[Callable[[], object]] = [
            lambda found=found: found.put("a", SHORT),  # type: ignore[misc]
            lambda found=found: found.put_new("a", SHORT),  # type: ignore[misc]
            lambda found=found: found.get("a"),  # type: ignore[misc]
            lambda found=found: found.delete("a"),  # type: ignore[misc]
            found.names,
        ]
        for call in calls:
            try:
                call()
            except RemoteError as error:
                text = f"{error!r} {error.__cause__!r} {error.__context__!r}"
                assert "\n" not in text
                hidden = [environment[name] for name in keys] + [token]
                assert not [each for each in hidden if each in text]
