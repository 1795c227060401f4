"""Tokens: made, found, renewed, revoked; never stored as text; no change lost."""

import logging
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, create_token_by_command, run_waterline
from waterline.errors import TokenError
from waterline.tokens import Grant, GrantWatch, Scope, Token, TokenFile

INGEST = frozenset({Scope.INGEST})
BOTH = frozenset({Scope.INGEST, Scope.READ})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def test_token_is_found_by_its_text(path: Path) -> None:
    tokens = TokenFile(path)
    text = tokens.create("web", [Scope.INGEST], 1_700_000_000_000)
    found = tokens.find(text)
    assert found is not None
    assert (found.name, found.scopes, found.created_at) == ("web", INGEST, 1_700_000_000_000)


def test_other_text_finds_no_token(path: Path) -> None:
    tokens = TokenFile(path)
    text = tokens.create("web", BOTH, 0)
    (stored,) = tokens.tokens()
    for other in ("", "web", text[:-1], text + "x", text.swapcase(), stored.sha256, "grüße"):
        assert tokens.find(other) is None


def test_without_file_there_are_no_tokens(path: Path) -> None:
    assert TokenFile(path).tokens() == []
    assert TokenFile(path).find("x") is None
    assert not path.exists()


def test_every_token_has_text_of_its_own_that_is_long(path: Path) -> None:
    tokens = TokenFile(path)
    texts = [tokens.create(f"t{number}", INGEST, 0) for number in range(20)]
    assert len(set(texts)) == 20
    for text in texts:
        assert text.startswith("wl_")
        assert len(text) >= 43  # 256 bits in base64


def test_each_text_finds_its_own_token(path: Path) -> None:
    tokens = TokenFile(path)
    texts = {name: tokens.create(name, INGEST, 0) for name in ("a", "b", "c")}
    for name, text in texts.items():
        found = tokens.find(text)
        assert found is not None
        assert found.name == name


def test_only_its_owner_may_read_file(path: Path) -> None:
    tokens = TokenFile(path)
    tokens.create("web", INGEST, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens.renew("web", INGEST, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_never_holds_text_of_token(path: Path) -> None:
    tokens = TokenFile(path)
    texts = [tokens.create("web", INGEST, 0), tokens.renew("web", INGEST, 0)]
    content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    for text in texts:
        assert text.encode() not in content
        assert text.removeprefix("wl_").encode() not in content


def test_file_is_toml_with_table_token(path: Path) -> None:
    TokenFile(path).create("web-1.eu", BOTH, 1_700_000_000_000)
    document = tomllib.loads(path.read_text())
    assert set(document) == {"web-1.eu"}
    entry = document["web-1.eu"]
    assert entry == {
        "scopes": ["ingest", "read"],
        "sha256": entry["sha256"],
        "created_at": 1_700_000_000_000,
    }


def test_tokens_are_listed_oldest_first(path: Path) -> None:
    tokens = TokenFile(path)
    for name, created_at in (("late", 3), ("b", 1), ("a", 1), ("middle", 2)):
        tokens.create(name, INGEST, created_at)
    assert [token.name for token in tokens.tokens()] == ["a", "b", "middle", "late"]


def test_revoked_token_is_found_no_more_and_others_stay(path: Path) -> None:
    tokens = TokenFile(path)
    gone, kept = tokens.create("gone", INGEST, 0), tokens.create("kept", INGEST, 0)
    tokens.revoke("gone")
    assert tokens.find(gone) is None
    assert tokens.find(kept) is not None
    assert [token.name for token in tokens.tokens()] == ["kept"]


def test_renewed_token_has_new_text_and_old_one_is_void(path: Path) -> None:
    tokens = TokenFile(path)
    old = tokens.create("web", INGEST, 1)
    new = tokens.renew("web", BOTH, 2)
    assert tokens.find(old) is None
    found = tokens.find(new)
    assert found == Token("web", BOTH, found.sha256 if found else "", 2)
    assert len(tokens.tokens()) == 1


def test_renewing_makes_token_that_there_was_not(path: Path) -> None:
    tokens = TokenFile(path)
    assert tokens.find(tokens.renew("web", INGEST, 0)) is not None


def test_running_server_sees_what_another_process_changed(path: Path) -> None:
    server, command = TokenFile(path), TokenFile(path)
    assert server.tokens() == []
    text = command.create("web", INGEST, 0)
    assert server.find(text) is not None
    renewed = command.renew("web", INGEST, 0)
    assert server.find(text) is None
    assert server.find(renewed) is not None
    command.revoke("web")
    assert server.find(renewed) is None
    path.unlink()
    assert server.tokens() == []


def test_name_is_taken_only_once(path: Path) -> None:
    tokens = TokenFile(path)
    text = tokens.create("web", INGEST, 0)
    with pytest.raises(TokenError) as raised:
        tokens.create("web", INGEST, 0)
    assert str(raised.value) == ("a token web exists already; revoke it first or choose a new name")
    assert tokens.find(text) is not None


@pytest.mark.parametrize("name", ["a", "9", "A.b_c-1", "x" * 64])
def test_name_is_letters_digits_and_few_signs(path: Path, name: str) -> None:
    TokenFile(path).create(name, INGEST, 0)
    assert TokenFile(path).tokens()[0].name == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "ü", "a\n", "a/b", "x" * 65])
def test_any_other_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(TokenError) as raised:
        TokenFile(path).create(name, INGEST, 0)
    assert str(raised.value) == (
        f"{name!r} is no token name; use up to 64 letters, digits, '.', '_' and '-'"
    )
    assert not path.exists()


def test_revoking_unknown_token_names_known(path: Path) -> None:
    tokens = TokenFile(path)
    with pytest.raises(TokenError) as raised:
        tokens.revoke("web")
    assert str(raised.value) == "there is no token web; the tokens are: none"
    for name in ("b", "a"):
        tokens.create(name, INGEST, 0)
    with pytest.raises(TokenError) as raised:
        tokens.revoke("web")
    assert str(raised.value) == "there is no token web; the tokens are: a, b"


# What a server that is running notices


def grant(tokens: TokenFile, text: str, scope: Scope = Scope.INGEST) -> Grant:
    """Return what a connection with this token text holds."""
    token = tokens.find(text)
    assert token is not None
    return Grant(token, scope)


def withdrawn(watch: GrantWatch, in_use: list[Grant]) -> set[Grant]:
    """Return what is withdrawn at the second look: at the first it may be half a file."""
    assert watch.withdrawn(in_use) == set()
    return watch.withdrawn(in_use)


def test_grant_stays_while_its_token_does(path: Path) -> None:
    server, command = TokenFile(path), TokenFile(path)
    held = grant(server, command.create("web", INGEST, 0))
    watch = GrantWatch(server)
    assert watch.withdrawn([held]) == set()
    command.create("other", BOTH, 0)
    assert watch.withdrawn([held]) == set()
    assert watch.withdrawn([]) == set()


def test_grant_goes_with_its_token_and_no_other_goes(path: Path) -> None:
    server, command = TokenFile(path), TokenFile(path)
    gone = grant(server, command.create("gone", INGEST, 0))
    kept = grant(server, command.create("kept", INGEST, 0))
    watch = GrantWatch(server)
    command.revoke("gone")
    assert withdrawn(watch, [gone, kept]) == {gone}
    assert watch.withdrawn([gone, kept]) == {gone}
    command.revoke("kept")  # the last of all
    assert watch.withdrawn([gone, kept]) == {gone}
    assert watch.withdrawn([gone, kept]) == {gone, kept}
    assert server.tokens() == []


def test_token_with_new_text_withdraws_what_came_with_old_one(path: Path) -> None:
    server, command = TokenFile(path), TokenFile(path)
    old = grant(server, command.create("web", INGEST, 0))
    text = command.renew("web", INGEST, 0)
    # A handshake reads the new file before the watch looks; the change must not be lost by it.
    new = grant(server, text)
    assert withdrawn(GrantWatch(server), [old, new]) == {old}


def test_token_that_loses_scope_withdraws_what_needs_it(path: Path) -> None:
    server = TokenFile(path)
    text = server.create("web", BOTH, 0)
    pushes, reads = grant(server, text, Scope.INGEST), grant(server, text, Scope.READ)
    watch = GrantWatch(server)
    path.write_text(path.read_text().replace('"ingest",', ""))
    assert withdrawn(watch, [pushes, reads]) == {pushes}


@pytest.mark.logs
def test_damaged_file_withdraws_nothing_and_is_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = TokenFile(path)
    text = server.create("web", INGEST, 0)
    held, good = grant(server, text), path.read_text()
    watch = GrantWatch(server)
    for times in (1, 2):
        path.write_text("[web")
        for in_use in ([held], [], [held]):
            assert watch.withdrawn(in_use) == set()
        lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
        assert len(lines) == times
        assert lines[-1].startswith(f"{path} is damaged (")
        assert lines[-1].endswith("; until then connections stay open and none is let in")
        path.write_text(good)
        assert watch.withdrawn([held]) == set()
    server.revoke("web")
    assert withdrawn(watch, [held]) == {held}


@pytest.mark.logs
@pytest.mark.parametrize("content", [None, b"", b" \n\n"], ids=["gone", "empty", "blank"])
def test_file_that_is_suddenly_without_any_token_withdraws_nothing(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    server = TokenFile(path)
    text = server.create("web", INGEST, 0)
    held, good = grant(server, text), path.read_bytes()
    watch = GrantWatch(server)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for _ in range(3):
        assert watch.withdrawn([held]) == set()
        with pytest.raises(TokenError, match="put "):
            server.find(text)
    assert str(path) in str(watch.failure)
    assert len(caplog.records) == 1
    path.write_bytes(good)
    assert watch.withdrawn([held]) == set()
    assert watch.failure is None
    assert server.find(text) == held.token


def test_file_that_is_saved_piece_by_piece_withdraws_nothing(path: Path) -> None:
    server = TokenFile(path)
    texts = [server.create(name, INGEST, number) for number, name in enumerate("ab")]
    held, good = [grant(server, text) for text in texts], path.read_text()
    watch = GrantWatch(server)
    for piece in (good[: good.index("[b]")], good):
        path.write_text(piece)
        assert watch.withdrawn(held) == set()


def test_new_folder_has_no_tokens_and_no_fault(path: Path) -> None:
    watch = GrantWatch(TokenFile(path))
    assert watch.withdrawn([]) == set()
    path.touch()
    assert watch.withdrawn([]) == set()
    assert watch.failure is None


HASH = "0" * 64


@pytest.mark.parametrize(
    "content",
    [
        b"[web",
        b"\xff",
        b"web = 1",
        b"web = 'text'",
        b"[web]",
        f"[web]\nsha256 = '{HASH}'\ncreated_at = 0".encode(),
        f"[web]\nscopes = ['ingest']\nsha256 = '{HASH}'".encode(),
        b"[web]\nscopes = ['ingest']\ncreated_at = 0",
        f"[web]\nscopes = ['admin']\nsha256 = '{HASH}'\ncreated_at = 0".encode(),
        f"[web]\nscopes = 1\nsha256 = '{HASH}'\ncreated_at = 0".encode(),
        b"[web]\nscopes = ['ingest']\nsha256 = 5\ncreated_at = 0",
        "[web]\nscopes = ['ingest']\nsha256 = 'ü'\ncreated_at = 0".encode(),
        f"[web]\nscopes = ['ingest']\nsha256 = '{HASH}'\ncreated_at = 'today'".encode(),
    ],
)
def test_damaged_file_is_told_in_one_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for use in (TokenFile.tokens, lambda tokens: tokens.find("x")):
        with pytest.raises(TokenError) as raised:
            use(TokenFile(path))
        sentence = str(raised.value)
        assert sentence.startswith(f"{path} is damaged (")
        assert sentence.endswith("); mend it or make the tokens anew")


def test_damaged_file_is_not_overwritten(path: Path) -> None:
    path.write_text("[web")
    with pytest.raises(TokenError, match="is damaged"):
        TokenFile(path).create("other", INGEST, 0)
    assert path.read_text() == "[web"


def test_file_that_was_mended_is_read_again(path: Path) -> None:
    tokens = TokenFile(path)
    text = tokens.create("web", INGEST, 0)
    good = path.read_bytes()
    path.write_text("[web")
    with pytest.raises(TokenError, match="is damaged"):
        tokens.find(text)
    path.write_bytes(good)
    assert tokens.find(text) is not None


def test_path_that_is_no_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(TokenError, match="folder cannot be read: Is a directory"):
        TokenFile(tmp_path / "folder").tokens()
    (tmp_path / "file").touch()
    inside = TokenFile(tmp_path / "file" / "tokens.toml")
    with pytest.raises(TokenError, match="cannot be read: Not a directory"):
        inside.tokens()
    with pytest.raises(TokenError, match="cannot be read: Not a directory"):
        inside.create("web", INGEST, 0)


def test_file_that_cannot_be_written_is_told_and_tokens_stay(path: Path) -> None:
    tokens = TokenFile(path)
    text = tokens.create("web", INGEST, 0)
    path.with_name("tokens.toml.new").mkdir()
    with pytest.raises(TokenError) as raised:
        tokens.revoke("web")
    assert str(raised.value) == f"{path} cannot be written: Is a directory"
    assert tokens.find(text) is not None


def test_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenError) as raised:
        TokenFile(tmp_path / "none" / "tokens.toml").create("web", INGEST, 0)
    assert str(raised.value) == (
        f"the data folder {tmp_path / 'none'} cannot be read: No such file or directory"
    )


CREATE_MANY = """
import sys
from pathlib import Path
from waterline.tokens import Scope, TokenFile
tokens = TokenFile(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    print(tokens.create(f"{sys.argv[2]}{number}", [Scope.INGEST], 0), flush=True)
"""


@pytest.mark.slow
def test_processes_that_make_tokens_at_once_lose_none(path: Path) -> None:
    each = 20
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE_MANY, str(path), name, str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    texts = [text for each in processes for text in each.communicate(timeout=PATIENCE)[0].split()]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(set(texts)) == 4 * each
    tokens = TokenFile(path)
    assert len(tokens.tokens()) == 4 * each
    assert all(tokens.find(text) for text in texts)


@pytest.mark.slow
def test_command_prints_new_token_alone(data: Path) -> None:
    done = run_waterline(
        "token", "create", "web", "--scope", "ingest", "--scope", "read", "--data", data
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout.removesuffix("\n")
    assert text == text.strip()
    found = TokenFile(data / "tokens.toml").find(text)
    assert found is not None
    assert (found.name, found.scopes) == ("web", BOTH)


@pytest.mark.slow
def test_command_gives_only_scopes_asked_for(data: Path) -> None:
    text = create_token_by_command(data, "web", ("ingest",))
    found = TokenFile(data / "tokens.toml").find(text)
    assert found is not None
    assert found.scopes == INGEST


@pytest.mark.slow
def test_command_lists_names_and_scopes_but_no_text(data: Path) -> None:
    wanted = {"web": ("ingest",), "eyes": ("read",), "all": ("ingest", "read")}
    texts = [create_token_by_command(data, name, scopes) for name, scopes in wanted.items()]
    done = run_waterline("token", "list", "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split()[:2] for line in done.stdout.splitlines()]
    assert rows == [["web", "ingest"], ["eyes", "read"], ["all", "ingest,read"]]
    for text in texts:
        assert text not in done.stdout


@pytest.mark.slow
def test_command_revokes_token(data: Path) -> None:
    text = create_token_by_command(data, "web")
    done = run_waterline("token", "revoke", "web", "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    assert TokenFile(data / "tokens.toml").find(text) is None
    again = run_waterline("token", "revoke", "web", "--data", data)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "waterline: there is no token web; the tokens are: none\n"


@pytest.mark.slow
def test_command_ends_with_sentence_where_folder_is_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for arguments in (["list"], ["revoke", "web"], ["create", "web", "--scope", "read"]):
        done = run_waterline("token", *arguments, "--data", file)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("waterline: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_command_wants_scope_and_knows_two(data: Path) -> None:
    for arguments in ([], ["--scope", "write"]):
        done = run_waterline("token", "create", "web", *arguments, "--data", data)
        assert done.returncode == 2
        assert "--scope" in done.stderr
        assert not data.exists()
