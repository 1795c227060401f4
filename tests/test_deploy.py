"""Files for an operator's machine: what systemd and logrotate understand, and what there is."""

import getpass
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"


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
