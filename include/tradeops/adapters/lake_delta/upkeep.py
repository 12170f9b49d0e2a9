"""Which files of a table are worth rewriting."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable

LEAST_FILES = 2


@dataclass(frozen=True, slots=True)
class ActiveFile:
    """A data file that the newest commit names; `size` in bytes."""

    name: str
    size: int


def list_files(opened: DeltaTable) -> list[ActiveFile]:
    """The table's data files in the order that they were appended in, which is that of their names."""
    added = pa.table(opened.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist()
    return sorted((ActiveFile(row["path"], row["size_bytes"]) for row in added), key=lambda file: file.name)


def choose_groups(files: Sequence[ActiveFile], target_bytes: int) -> list[list[ActiveFile]]:
    """Neighbours that together are at most `target_bytes`, at least two a group.

    A file of more than half of that stays as it is, so that no row is rewritten for ever.
    """
    groups: list[list[ActiveFile]] = [[]]
    for file in files:
        large = 2 * file.size > target_bytes
        if large or sum(each.size for each in groups[-1]) + file.size > target_bytes:
            groups.append([])
        if not large:
            groups[-1].append(file)
    return [group for group in groups if len(group) >= LEAST_FILES]
