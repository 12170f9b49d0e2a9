"""Values as write-once objects of S3-compatible storage, named by their SHA-256."""

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pyarrow.fs import S3FileSystem

from tradeops.adapters.s3 import SILENT_SECONDS, S3Access, S3Folder, telling
from tradeops.domain.errors import CorruptInput, UnknownRecord
from tradeops.domain.identifiers import ValueRef

PUTS_AT_ONCE: Final = 8
_DIGEST = re.compile(r"[0-9a-f]{64}")


class S3ValueStore:
    """`ValueStore` in a bucket; an object is durable when its put returns.

    Threads and processes may share the bucket, and two who put the same bytes do no harm. An object belongs to one
    process: its client keeps threads, so who forks opens another. It holds no connection that somebody has to close.

    Args:
        url: `s3://bucket/prefix`; the bucket exists.
        access: Endpoint and account.

    Raises:
        ConfigurationError: It is no such URL.
    """

    def __init__(self, url: str, access: S3Access) -> None:
        self._folder: Final = S3Folder.parse(url, "TRADEOPS_VALUES_DIR")
        self._access: Final = access
        self._opened: tuple[int, S3FileSystem, ThreadPoolExecutor] | None = None

    def put(self, data: bytes) -> ValueRef:
        """Store durably and return the SHA-256 (hex); see the port.

        Raises:
            ExternalServiceError: The service does not take it (retryable).
            ConfigurationError: It forbids it, or knows no such bucket.
        """
        (ref,) = self.put_all((data,))
        return ref

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """Store several values at once; see the port.

        Raises:
            ExternalServiceError: The service does not take them (retryable).
            ConfigurationError: It forbids it, or knows no such bucket.
        """
        refs = tuple(ValueRef(hashlib.sha256(data).hexdigest()) for data in values)
        named = dict(zip(refs, values, strict=True))
        with telling(self._folder.url()):
            if len(named) > 1:
                _, _, pool = self._open()
                list(pool.map(self._store, named, named.values()))
            else:
                for ref, data in named.items():
                    self._store(ref, data)
        return refs

    def get(self, ref: ValueRef) -> bytes:
        """Return the bytes, after a check against their name; see the port.

        Raises:
            ExternalServiceError: The service does not answer (retryable).
        """
        if not _DIGEST.fullmatch(ref):
            raise UnknownRecord(f"{ref!r} is no name of a value; names are 64 hex digits", ref=ref)
        with telling(self._folder.url()):
            data = self._read(ref)
        if data is None:
            raise UnknownRecord(f"no value {ref} is stored in {self._folder.url()}", ref=ref)
        found = hashlib.sha256(data).hexdigest()
        if found != ref:
            raise CorruptInput(f"value {ref} hashes to {found}; restore it from a backup", ref=ref, found=found)
        return data

    def _store(self, ref: ValueRef, data: bytes) -> None:
        # An object that lost bytes, or got others, is written anew from the bytes that its name promises.
        if self._read(ref) != data:
            _, files, _ = self._open()
            with files.open_output_stream(self._path(ref)) as stream:
                stream.write(data)

    def _read(self, ref: ValueRef) -> bytes | None:
        _, files, _ = self._open()
        try:
            with files.open_input_file(self._path(ref)) as stream:
                data: bytes = stream.read()
                return data
        except FileNotFoundError:
            return None

    def _path(self, ref: ValueRef) -> str:
        return self._folder.path(ref[:2], ref)

    def _open(self) -> tuple[int, S3FileSystem, ThreadPoolExecutor]:
        if self._opened is None or self._opened[0] != os.getpid():  # neither outlives a fork
            pool = ThreadPoolExecutor(PUTS_AT_ONCE, "put")
            files = self._access.open_file_system(silent_seconds=SILENT_SECONDS, most_retries=1)
            self._opened = (os.getpid(), files, pool)
        return self._opened
