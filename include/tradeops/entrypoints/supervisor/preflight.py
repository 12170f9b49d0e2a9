"""Checks a machine before anything is installed on it; needs nothing but a system Python.

Usage: python3 preflight.py [STATE_DIR [AIRFLOW_PORT [REGISTRY_PORT]]]
"""

from __future__ import annotations  # an older Python must get as far as being refused

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON_FROM, PYTHON_BELOW = (3, 11), (3, 14)
MEMORY_MB = 2500
DISK_MB = 4000
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"}


def check_python(version: Sequence[int], platform: str) -> str | None:
    """Say what is wrong with the interpreter, or nothing."""
    if not platform.startswith("linux"):
        return "this system is not Linux: use a Linux machine, WSL 2 or a container"
    if not PYTHON_FROM <= tuple(version[:2]) < PYTHON_BELOW:
        return f"Python {version[0]}.{version[1]} will not do: install 3.11, 3.12 or 3.13 and call it with PYTHON=…"
    return None


def check_venv() -> str | None:
    """Say that the system's Python cannot make environments, or nothing."""
    try:
        import ensurepip  # noqa: F401, PLC0415
    except ImportError:
        return "Python cannot make environments: apt-get install python3-venv"
    return None


def check_memory(meminfo: str) -> str | None:
    """Say that too little memory is free, or nothing; `meminfo` is the text of /proc/meminfo."""
    kilobytes = next((int(row.split()[1]) for row in meminfo.splitlines() if row.startswith("MemAvailable:")), 0)
    if kilobytes < MEMORY_MB * 1000:
        return f"{kilobytes // 1000} MB of memory are free, {MEMORY_MB} are needed: end other programs"
    return None


def check_disk(free_mb: int, folder: Path) -> str | None:
    """Say that the disk is too full, or nothing."""
    if free_mb < DISK_MB:
        return f"{free_mb} MB are free on the disk of {folder}, {DISK_MB} are needed: make room or move the folder"
    return None


def check_file_system(folder: str, mounts: str) -> str | None:
    """Say that the state folder is on a network, where SQLite loses data, or nothing.

    `mounts` is the text of /proc/mounts.
    """
    rows = [row.split() for row in mounts.splitlines()]
    above = [row for row in rows if folder == row[1] or folder.startswith(row[1].rstrip("/") + "/")]
    kind = max(above, key=lambda row: len(row[1]))[2] if above else "unknown"
    if kind in _REMOTE or kind.startswith("fuse."):
        return f"{folder} lies on {kind}, not on a local disk: set TRADEOPS_STATE_DIR to a local folder"
    return None


def check_port(port: int, setting: str) -> str | None:
    """Say that the port is taken, or nothing; `setting` names the variable that chooses it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            cure = f"end its owner (another `make run`?) or set {setting}"
            return f"port {port} on 127.0.0.1 cannot be used ({error.strerror}): {cure}"
    return None


def find_existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def list_faults(state_dir: Path, airflow_port: int, registry_port: int) -> list[str]:
    """Run every check.

    Returns:
        One line a fault, each with its cure; none when the machine will do.
    """
    existing = find_existing(state_dir)
    faults = [
        check_python(sys.version_info[:2], sys.platform),
        check_venv(),
        check_memory(Path("/proc/meminfo").read_text()),
        check_disk(shutil.disk_usage(existing).free // 1_000_000, existing),
        check_file_system(str(existing), Path("/proc/mounts").read_text()),
        None if os.access(existing, os.W_OK) else f"{existing} cannot be written: set TRADEOPS_STATE_DIR",
        check_port(airflow_port, "TRADEOPS_AIRFLOW_PORT"),
        check_port(registry_port, "TRADEOPS_REGISTRY_PORT"),
    ]
    return [fault for fault in faults if fault]


def main(arguments: list[str]) -> int:
    """Print one line a fault.

    Returns:
        The exit code: 0 when the machine will do.
    """
    state_dir = Path(arguments[0] if arguments else ".tradeops").expanduser().resolve()
    ports = [int(port) for port in arguments[1:]]
    faults = list_faults(state_dir, *(ports + [8090, 5000][len(ports) :]))
    for fault in faults:
        sys.stderr.write(f"preflight: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
