"""Each fault of a machine is one line with its cure."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tradeops.entrypoints.supervisor import preflight

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
x /mnt/s fuse.sshfs rw 0 0
"""


def test_this_machine_will_do(tmp_path: Path) -> None:
    assert preflight.list_faults(tmp_path / "not" / "there", 0, 0) == []


@pytest.mark.parametrize(
    ("version", "platform", "fault"),
    [
        ((3, 10), "linux", "Python 3.10 will not do"),
        ((3, 14), "linux", "Python 3.14 will not do"),
        ((3, 11), "darwin", "not Linux"),
        ((3, 11), "linux", None),
        ((3, 13), "linux", None),
    ],
)
def test_python(version: tuple[int, int], platform: str, fault: str | None) -> None:
    found = preflight.check_python(version, platform)
    assert found is None if fault is None else fault in str(found)


def test_memory_and_disk() -> None:
    assert "2400 MB of memory are free" in str(preflight.check_memory("MemTotal: 9 kB\nMemAvailable: 2400000 kB\n"))
    assert preflight.check_memory("MemAvailable: 2600000 kB\n") is None
    assert "3999 MB are free on the disk of /x" in str(preflight.check_disk(3999, Path("/x")))
    assert preflight.check_disk(4000, Path("/x")) is None


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/me/state", "nfs4"), ("/mnt/s/state", "fuse.sshfs"), ("/home/local/state", None), ("/homes/state", None)],
)
def test_file_system(folder: str, kind: str | None) -> None:
    found = preflight.check_file_system(folder, MOUNTS)
    assert found is None if kind is None else f"lies on {kind}" in str(found)


def test_a_taken_port() -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        fault = str(preflight.check_port(port, "TRADEOPS_AIRFLOW_PORT"))
        assert f"port {port} on 127.0.0.1 cannot be used" in fault
        assert "or set TRADEOPS_AIRFLOW_PORT" in fault
    assert preflight.check_port(port, "TRADEOPS_AIRFLOW_PORT") is None


def test_it_runs_alone_and_prints_each_fault(tmp_path: Path) -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        command = [sys.executable, "-I", "-S", preflight.__file__, str(tmp_path), str(owner.getsockname()[1]), "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("preflight: port ")
    assert done.stderr.count("\n") == 1


def test_main_says_nothing_when_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preflight.main([str(tmp_path), "0", "0"]) == 0
    assert capsys.readouterr() == ("", "")
