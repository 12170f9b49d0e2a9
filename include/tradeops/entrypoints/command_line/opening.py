"""How every command opens the installation, and how it writes."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.canonical import to_plain
from tradeops.settings import load_settings
from tradeops.telemetry import configure_logging

AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object for a machine.")]
RunName = Annotated[str, typer.Option("--run", help="Name of the book: `live` or a separate one.")]


@contextmanager
def open_installation() -> Iterator[Runtime]:
    """The runtime of the settings, with logs on standard error."""
    settings = load_settings()
    configure_logging(settings.log_level)
    with open_runtime(settings) as runtime:
        yield runtime


def write_line(text: str = "") -> None:
    """One line for a person."""
    sys.stdout.write(f"{text}\n")


def write_json(value: object) -> None:
    """One JSON object for a machine."""
    sys.stdout.write(json.dumps(to_plain(value), sort_keys=True) + "\n")
