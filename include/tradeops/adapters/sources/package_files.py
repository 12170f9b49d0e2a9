"""Data files of installed packages, found by path: importing the packages would cost seconds."""

import csv
import gzip
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tradeops.domain.errors import ConfigurationError

Row = dict[str, str]


def find_package_file(package: str, path: str) -> Path:
    """A file of an installed package.

    Raises:
        ConfigurationError: The package is not installed, or has no such file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"{package} is not installed; install requirements.lock", package=package)
    found = Path(spec.submodule_search_locations[0]) / path
    if not found.is_file():
        raise ConfigurationError(f"{package} has no file {path}; install requirements.lock", package=package)
    return found


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows of a CSV file, each with its address `file:row`; the first row after the head is 1."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("ascii")
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=1):
        yield f"{path.name}:{number}", row
