"""Values as write-once files, named by their SHA-256."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from tradeops.domain.errors import CorruptInput, ExternalServiceError, UnknownRecord
from tradeops.domain.identifiers import ValueRef

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileValueStore:
    """`ValueStore` in a folder; threads and processes may share it, for it holds nothing open.

    Args:
        folder: On a local disk; values lie in sub-folders by the first two digits of their names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> ValueRef:
        """Store durably and return the SHA-256 (hex); see the port.

        Raises:
            ExternalServiceError: The disk does not take it.
        """
        ref = ValueRef(hashlib.sha256(data).hexdigest())
        target = self._path(ref)
        try:
            if not _holds(target, data):
                _make_folder(target.parent)
                _write_durably(target, data)
        except OSError as error:
            raise ExternalServiceError(f"{self._folder} does not take a value: {error}", ref=ref) from error
        return ref

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
        _sync(folder.parent)


def _write_durably(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o444)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
