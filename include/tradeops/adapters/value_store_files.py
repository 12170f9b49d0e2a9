"""Values as write-once files, named by their SHA-256."""

import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tradeops.adapters.durable_files import sync_path
from tradeops.domain.errors import CorruptInput, ExternalServiceError, UnknownRecord
from tradeops.domain.identifiers import ValueRef

SYNCS_AT_ONCE = 8
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileValueStore:
    """`ValueStore` in a folder; threads and processes may share it, for it holds no file open.

    Args:
        folder: On a local disk; values lie in sub-folders by the first two digits of their names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def put(self, data: bytes) -> ValueRef:
        """Store durably and return the SHA-256 (hex); see the port.

        Raises:
            ExternalServiceError: The disk does not take it.
        """
        (ref,) = self.put_all((data,))
        return ref

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """Store several values durably; see the port.

        Raises:
            ExternalServiceError: The disk does not take them.
        """
        refs = tuple(ValueRef(hashlib.sha256(data).hexdigest()) for data in values)
        named = {self._path(ref): data for ref, data in zip(refs, values, strict=True)}
        try:
            self._write({target: data for target, data in named.items() if not _holds(target, data)})
        except OSError as error:
            raise ExternalServiceError(f"{self._folder} does not take a value: {error}", refs=refs) from error
        return refs

    def get(self, ref: ValueRef) -> bytes:
        """Return the bytes, after a check against their name; see the port."""
        try:
            data = self._path(ref).read_bytes()
        except FileNotFoundError as error:
            raise UnknownRecord(f"no value {ref} is stored in {self._folder}", ref=ref) from error
        found = hashlib.sha256(data).hexdigest()
        if found != ref:
            raise CorruptInput(f"value {ref} hashes to {found}; restore it from a backup", ref=ref, found=found)
        return data

    def _write(self, fresh: Mapping[Path, bytes]) -> None:
        """A temporary name, its bytes synced, then its own name, then the folder synced."""
        beside: dict[Path, Path] = {}
        try:
            for target, data in fresh.items():
                _make_folder(target.parent)
                beside[target] = _write_beside(target, data)
            self._sync_all(beside.values())
            for target, temporary in beside.items():
                temporary.replace(target)
        except BaseException:
            for temporary in beside.values():
                temporary.unlink(missing_ok=True)
            raise
        self._sync_all({target.parent for target in fresh})

    def _sync_all(self, paths: Collection[Path]) -> None:
        # One flush of the disk serves all that wait for one at the same time.
        if len(paths) > 1:
            list(self._open_pool().map(sync_path, paths))
        else:
            for path in paths:
                sync_path(path)

    def _open_pool(self) -> ThreadPoolExecutor:
        if self._pool is None or self._pool[0] != os.getpid():  # threads do not survive a fork
            self._pool = (os.getpid(), ThreadPoolExecutor(SYNCS_AT_ONCE, "sync"))
        return self._pool[1]

    def _path(self, ref: ValueRef) -> Path:
        if not _DIGEST.fullmatch(ref):
            raise UnknownRecord(f"{ref!r} is no name of a value; names are 64 hex digits", ref=ref)
        return self._folder / ref[:2] / ref


def _holds(target: Path, data: bytes) -> bool:
    # A file that lost bytes, or got others, is written anew from the bytes that its name promises.
    try:
        return target.read_bytes() == data
    except FileNotFoundError:
        return False


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_path(folder.parent)


def _write_beside(target: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).chmod(0o444)
    return Path(name)
