"""CSV files of options: every row in, every row out."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tradeops.domain.errors import InvalidPricingInput

SHOWN = 60  # characters of a first line that is not understood
ENCODING, ODD_BYTES = "utf-8-sig", "surrogateescape"  # what is no UTF-8 goes out as it came in


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTable:
    """A file's rows as they were written.

    Args:
        header: Names of columns, none twice.
        rows: Without empty lines; a row may have more or fewer words than the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def name_words(self, row: Sequence[str]) -> dict[str, str]:
        """A row's words by column; those without a column or a word are left out."""
        return dict(zip(self.header, row, strict=False))


def read_table(path: Path, *, needed: Sequence[str], answers: Sequence[str] = ()) -> OptionTable:
    """Read a file.

    Args:
        path: A CSV file whose first line names its columns.
        needed: Names of columns that must be there.
        answers: Names of columns that are to be added.

    Raises:
        InvalidPricingInput: It cannot be read, or its columns lack a needed one or are not clear.
    """
    try:
        with path.open(encoding=ENCODING, errors=ODD_BYTES, newline="") as file:
            rows = [tuple(row) for row in csv.reader(file) if row]
    except (OSError, csv.Error) as error:
        raise InvalidPricingInput(f"{path} cannot be read as CSV: {error}", path=str(path)) from error
    header = tuple(name.strip() for name in rows[0]) if rows else ()
    missing = [name for name in needed if name not in header]
    if missing:
        raise InvalidPricingInput(
            f"the first line of {path} names no column {missing[0]!r}; needed are {', '.join(needed)}, with commas, in "
            f"UTF-8; it says {','.join(header)[:SHOWN]!r}"
        )
    unclear = [name for place, name in enumerate(header) if name in answers or name in header[:place]]
    if unclear:
        raise InvalidPricingInput(f"column {unclear[0]!r} of {path} is there twice or is one that is added; rename it")
    return OptionTable(header=header, rows=tuple(rows[1:]))


def write_table(
    table: OptionTable, answers: Sequence[Mapping[str, object]], columns: Sequence[str], path: Path | None
) -> None:
    """Write each row as it was, with its answers behind it.

    Args:
        table: What was read.
        answers: One a row, by the names of `columns`; what is missing stays empty.
        columns: Names of the answers' columns.
        path: File to write, else standard output.

    Raises:
        InvalidPricingInput: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*table.header, *columns])
    for row, answer in zip(table.rows, answers, strict=True):
        padded = [*row, *[""] * (len(table.header) - len(row))]
        writer.writerow([*padded, *[answer.get(name, "") for name in columns]])
    content = text.getvalue().encode("utf-8", ODD_BYTES)
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidPricingInput(f"{path} cannot be written: {error}", path=str(path)) from error
