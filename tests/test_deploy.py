"""Files for an operator's machine: what systemd and logrotate understand, and what there is."""

import getpass
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
import pytest

from tests.support.forking import PATIENCE, WATERLINE
from tests.support.ports import lasting_port
from tests.support.processes import create_token

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed")
def test_log_file_is_rotated_by_logrotate(tmp_path: Path) -> None:
    (tmp_path / "waterline.log").write_text("a line\n")
    text = (DEPLOY / "logrotate.conf").read_text()
    user = getpass.getuser()
    mine = text.replace("/var/log/waterline", str(tmp_path)).replace(
        "su waterline waterline", f"su {user} {user}"
    )
    (tmp_path / "logrotate.conf").write_text(mine)
    (tmp_path / "logrotate.conf").chmod(0o600)
    done = subprocess.run(
        ["logrotate", "--state", tmp_path / "state", "--force", tmp_path / "logrotate.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {each.name for each in tmp_path.glob("waterline.log*")} == {"waterline.log.1.gz"}


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
def test_units_are_understood_by_systemd(tmp_path: Path) -> None:
    units = []
    for each in sorted(DEPLOY.glob("waterline.*")):
        copy = tmp_path / each.name
        # The command must exist.
        copy.write_text(each.read_text().replace("/opt/waterline/.venv/bin/waterline", "/bin/true"))
        units.append(copy)
    assert [each.suffix for each in units] == [".service", ".socket"]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def instructions(name: str) -> list[str]:
    """Return what the image has for an instruction, the lines of its last stage."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    last = text[text.rindex("\nFROM ") :]
    return re.findall(rf"^{name} (.*)$", last, re.MULTILINE)


def command_of(text: str) -> list[str]:
    """Return a command in its exec form, which no shell stands before."""
    return msgspec.json.decode(text[text.index("[") :], type=list[str])


def test_image_has_no_root_no_shell_and_pinned_bases() -> None:
    assert instructions("USER") == ["65534:65534"]
    for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        (text,) = instructions(name)
        assert command_of(text)
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:\d\.\d+-slim-\w+", each) for each in bases)


def test_copied_folders_are_all_that_the_package_is_built_of(tmp_path: Path) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        for each in line.split():
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(
                    source, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__", "data")
                )
            else:
                shutil.copy(source, tmp_path / each)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "waterline/process_log.py" in names
    assert "workbench/ready_notebooks/01_explore_logs.ipynb" in names


def can_be_confined() -> bool:
    """Return whether this user may have a root of its own that is read-only."""
    if os.getuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


# What a container runtime does for `--read-only --tmpfs /tmp -v …:/data --user 65534`. Interpreter
# and checkout stay where they are, such as in a home that only its user can read.
CONFINED = """
set -e
mount --bind "$1" /mnt
mount -o remount,ro,bind /
mount -t tmpfs tmpfs /tmp
shift
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all,+dac_read_search \\
    --inh-caps -all,+dac_read_search --ambient-caps -all,+dac_read_search -- "$@"
"""


@pytest.mark.slow
@pytest.mark.skipif(not can_be_confined(), reason="no mount namespace can be made")
def test_server_runs_as_nobody_on_a_root_that_is_read_only(tmp_path: Path) -> None:
    token = create_token(tmp_path / "data", "web", ("ingest",))
    for each in (tmp_path / "data", *(tmp_path / "data").iterdir()):
        os.chown(each, 65534, 65534)
    port, monitoring = str(lasting_port()), str(lasting_port())
    found = dict(each.split("=", 1) for each in instructions("ENV")[0].split())
    environment = {
        "PATH": f"{Path(WATERLINE).parent}:{os.environ['PATH']}",
        **{name: each for name, each in found.items() if name != "PATH"},
        # The volume lies elsewhere here, and other servers may run.
        "WATERLINE_DATA": "/mnt",
        "WATERLINE_PORT": port,
        "WATERLINE_MONITORING_PORT": monitoring,
    }
    confine = ["unshare", "--mount", "bash", "-c", CONFINED, "bash", str(tmp_path / "data")]
    command = [*command_of(instructions("ENTRYPOINT")[0]), *command_of(instructions("CMD")[0])]
    with subprocess.Popen(
        [*confine, *command],
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("waterline serves "), server.communicate()
        probe = [*confine, *command_of(instructions("HEALTHCHECK")[0])]
        done = subprocess.run(
            probe, env=environment, cwd="/", capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "is alive" in done.stdout
        body = b'{"type":"info","message":"m"}'
        request = Request(
            f"http://127.0.0.1:{port}/ingest",
            data=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        with urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200
        uid = Path(f"/proc/{server.pid}").stat().st_uid
        server.terminate()
        _, errors = server.communicate(timeout=PATIENCE)
    assert (server.returncode, uid) == (0, 65534)
    (warning,) = errors.splitlines()
    assert "travel to 0.0.0.0 in the clear" in warning
    gone = subprocess.run(probe, env=environment, cwd="/", capture_output=True, check=False)
    assert gone.returncode == 1
