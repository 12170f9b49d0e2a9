"""Kernels kept from an earlier run are not used once any kernel file has changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT
from tradeops.domain.errors import ConfigurationError
from tradeops.pricing.kernel_sources import KERNEL_SOURCES, hash_kernels

PRICING = ROOT / "include/tradeops/pricing"
CALLED = """
from numba import njit

@njit
def called():
    return {number}
"""
CALLER = """
from numba import njit
from called_kernels import called
from pathlib import Path
from tradeops.pricing.kernel_sources import hash_kernels

def _make(sources):
    @njit(cache=True)
    def caller():
        {mention}
        return called()
    return caller

print(_make(hash_kernels(Path(__file__).parent) if {sealed} else "")())
"""


def run(folder: Path, number: int) -> str:
    (folder / "called_kernels.py").write_text(CALLED.format(number=number))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, str(folder / "caller.py")]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_change_in_a_called_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER.format(mention="sources", sealed=True))
    assert [run(tmp_path, number) for number in (1, 2)] == ["1", "2"]


def test_mutant_without_the_hash_yesterdays_machine_code_answers(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER.format(mention="pass", sealed=False))
    assert [run(tmp_path, number) for number in (1, 2)] == ["1", "1"]


def test_every_cached_kernel_mentions_the_hash() -> None:
    for path in PRICING.glob("*kernels.py"):
        text = path.read_text()
        cached = text.count("@njit(cache=True")
        assert cached == text.count("        sources  # noqa: B018"), path.name
        assert not cached or "_make(KERNEL_SOURCES)" in text


def test_the_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    for path in PRICING.glob("*kernels.py"):
        shutil.copy(path, tmp_path)
    assert hash_kernels(tmp_path) == KERNEL_SOURCES
    with (tmp_path / "kernels.py").open("a") as file:
        file.write("\n")
    assert hash_kernels(tmp_path) != KERNEL_SOURCES


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no kernel sources"):
        hash_kernels(tmp_path)
