"""Addresses of object storage, and what the environment says of the way there."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta

import pytest

from waterline.archive.object_store.address import Patience, parse_address
from waterline.archive.object_store.client import open_bucket
from waterline.errors import UsageError

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTKEY", "AWS_SECRET_ACCESS_KEY": "not/a/real+secret"}


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("s3://logs", "s3://logs/2026-11-23/manifest.json"),
            ("s3://logs/", "s3://logs/2026-11-23/manifest.json"),
            ("s3://logs/a/b=c", "s3://logs/a/b=c/2026-11-23/manifest.json"),
            ("s3://my.logs-1/a/", "s3://my.logs-1/a/2026-11-23/manifest.json"),
        ],
    )
    def test_a_bucket_with_and_without_a_prefix(self, text: str, url: str) -> None:
        found = open_bucket(text, KEYS)
        assert found.url("2026-11-23/manifest.json") == url
        assert found.address == text.rstrip("/")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "logs",
            "s3://",
            "s3:///prefix",
            "s3://Logs/a",
            "s3://lo",
            "s3://logs//a",
            "s3://logs/a//",
            "s3://logs/../a",
            "s3://logs/a/.",
            "s3://logs/a b",
            "s3://logs/%2e",
            "s3://logs/ü",
            "s3://logs?x=1",
            "s3://key:secret@logs/a",
            "https://logs.example.org/a",
            "s3://logs\n",
        ],
    )
    def test_what_is_no_address_is_refused_in_one_sentence(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"no address of object storage; give one such as"):
            parse_address(text)

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/..", "a b", "%2e", "a\n"])
    def test_a_key_that_a_store_could_read_otherwise_is_refused(self, key: str) -> None:
        found = open_bucket("s3://logs/a", KEYS)
        for call in (found.get, found.head, found.delete):
            with pytest.raises(UsageError, match="cannot be the name of an object"):
                call(key)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID is set without AWS_SECRET"),
            ({"AWS_ACCESS_KEY_ID": ""}, "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS"),
            ({"AWS_ACCESS_KEY_ID": "AKIA\n"}, "AWS_ACCESS_KEY_ID holds a space"),
            ({"AWS_SECRET_ACCESS_KEY": "ü"}, "AWS_SECRET_ACCESS_KEY holds a space"),
            ({"AWS_SESSION_TOKEN": "a b"}, "AWS_SESSION_TOKEN holds a space"),
            ({"AWS_REGION": "eu west"}, "AWS_REGION is no region"),
            ({"AWS_DEFAULT_REGION": "EU/west"}, "AWS_DEFAULT_REGION is no region"),
            ({"AWS_ENDPOINT_URL": "http://192.0.2.1:9000"}, "logs would travel in the clear"),
            ({"AWS_ENDPOINT_URL": "http://s3.example.org"}, "logs would travel in the clear"),
            ({"AWS_ENDPOINT_URL_S3": "ftp://s3.example.org"}, "AWS_ENDPOINT_URL_S3 is no URL"),
            ({"AWS_ENDPOINT_URL": "s3.example.org"}, "is no URL of a store"),
            ({"AWS_ENDPOINT_URL": "https://"}, "is no URL of a store"),
            ({"AWS_ENDPOINT_URL": "https://s3.example.org:x"}, "is no URL of a store"),
            ({"AWS_ENDPOINT_URL": "https://a:hidden@s3.example.org"}, "is no URL of a store"),
            ({"AWS_ENDPOINT_URL": "https://s3.example.org/?hidden"}, "is no URL of a store"),
            ({"AWS_ENDPOINT_URL": "https://s3 .org"}, "is no URL of a store"),
        ],
    )
    def test_a_variable_without_meaning_is_named(
        self, changes: Mapping[str, str], words: str
    ) -> None:
        with pytest.raises(UsageError, match=words) as caught:
            open_bucket("s3://logs", {**KEYS, **changes})
        for hidden in (*KEYS.values(), "hidden"):
            assert hidden not in str(caught.value)

    def test_without_credentials_and_without_a_metadata_service_it_says_what_to_set(self) -> None:
        for value in ("true", "TRUE"):
            with pytest.raises(UsageError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
                open_bucket("s3://logs", {"AWS_EC2_METADATA_DISABLED": value})

    @pytest.mark.parametrize(
        "endpoint",
        ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9", "https://a.example"],
    )
    def test_plain_http_is_for_this_machine_only(self, endpoint: str) -> None:
        found = open_bucket("s3://logs", {**KEYS, "AWS_ENDPOINT_URL": endpoint})
        assert found._store.config["endpoint"] == endpoint

    @pytest.mark.parametrize(
        ("environment", "region"),
        [
            ({}, "us-east-1"),
            ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
            ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-2"}, "eu-west-2"),
            ({"AWS_ENDPOINT_URL": "https://0a1b.r2.cloudflarestorage.com/"}, "auto"),
        ],
    )
    def test_the_region_is_that_of_the_environment_or_one_that_works(
        self, environment: Mapping[str, str], region: str
    ) -> None:
        found = open_bucket("s3://logs", {**KEYS, **environment})
        assert found._store.config["region"] == region

    def test_patience_is_bounded_unless_something_else_is_asked_for(self) -> None:
        chosen = Patience(retries=1, request=timedelta(seconds=7), connecting=timedelta(seconds=3))
        for patience, retries, request, connecting in (
            (None, 5, "2m", "5s"),
            (chosen, 1, "7s", "3s"),
        ):
            client = open_bucket("s3://logs", KEYS, patience)._store
            assert client.retry_config is not None
            assert client.client_options is not None
            assert client.retry_config["max_retries"] == retries
            assert client.retry_config["retry_timeout"] == timedelta(seconds=60)
            assert client.client_options["timeout"] == request
            assert client.client_options["connect_timeout"] == connecting

    def test_nothing_shows_the_keys_of_an_open_bucket(self) -> None:
        found = open_bucket("s3://logs/a", {**KEYS, "AWS_SESSION_TOKEN": "hidden-token"})
        shown = f"{found!r} {found} {found._store!r} {found._store.credential_provider!r}"
        assert "<Bucket s3://logs/a>" in shown
        for hidden in (*KEYS.values(), "hidden-token"):
            assert hidden not in shown

    @pytest.mark.slow
    def test_it_loads_no_data_frames(self) -> None:
        program = (
            "import waterline.archive.object_store.client, sys; print('pyarrow' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout == "False\n"
