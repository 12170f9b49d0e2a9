"""S3-compatible storage as a child of the tests: moto's server, or the given one."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from urllib.parse import urlsplit

import pytest
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from tests.servers.given import given_url
from tests.servers.process import ServerProcess, make_folder, require
from tradeops.adapters import s3, value_store_s3
from tradeops.adapters.lake_delta import bucket
from tradeops.adapters.s3 import S3Access

LONG_SECONDS = 30
_NUMBERS = count(1)


@contextmanager
def long_s3_limits() -> Iterator[None]:
    """Of clients that this process opens meanwhile: a service that shares its machine with the tests may be slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "CONNECT_SECONDS", LONG_SECONDS)
        patch.setattr(value_store_s3, "SILENT_SECONDS", LONG_SECONDS)
        for name in ("CALL_SECONDS", "LOG_SECONDS", "SILENT_SECONDS"):
            patch.setattr(bucket, name, LONG_SECONDS)
        patch.setitem(S3Access.open_file_system.__kwdefaults__, "silent_seconds", LONG_SECONDS)
        yield


@contextmanager
def open_s3() -> Iterator[S3Access]:
    """How to reach it: `TRADEOPS_TEST_S3_URL` is the endpoint with key and secret before the host."""
    given = given_url("S3")
    if given is None:
        with start_s3() as (access, _):
            yield access
        return
    parts = urlsplit(given)
    yield S3Access(
        endpoint_url=f"{parts.scheme}://{parts.hostname}:{parts.port}",
        access_key_id=parts.username or "",
        secret_access_key=parts.password or "",
    )


@contextmanager
def start_s3(*, guarded: bool = False) -> Iterator[tuple[S3Access, ServerProcess]]:
    """A server that the test may stop; it keeps all in memory and lets every key in, or none when it is guarded."""
    require(find_spec("moto"), "moto[server], or TRADEOPS_TEST_S3_URL")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    folder = make_folder("s3")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    guard = {"INITIAL_NO_AUTH_ACTION_COUNT": "0"} if guarded else {}
    process = ServerProcess(command, folder, lambda: _is_open(port), environment=guard)
    try:
        process.start()
        yield make_access(f"http://127.0.0.1:{port}"), process
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_access(endpoint: str) -> S3Access:
    return S3Access(endpoint_url=endpoint, access_key_id="made", secret_access_key="up")  # noqa: S106


def make_bucket(access: S3Access) -> str:
    """A new bucket; gives its name."""
    name = f"tradeops-tests-{os.getpid()}-{next(_NUMBERS)}"
    open_files(access).create_dir(name)
    return name


def remove_bucket(access: S3Access, name: str) -> None:
    open_files(access).delete_dir(name)


def open_files(access: S3Access) -> S3FileSystem:
    """A client that may also make and remove buckets."""
    parts = urlsplit(access.endpoint_url)
    return S3FileSystem(
        access_key=access.access_key_id,
        secret_key=access.secret_access_key,
        region=access.region,
        endpoint_override=parts.netloc,
        scheme=parts.scheme,
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
        connect_timeout=LONG_SECONDS,
        request_timeout=LONG_SECONDS,
    )


def list_objects(access: S3Access, path: str) -> list[str]:
    """Bucket and key of every object below a path."""
    found = open_files(access).get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(each.path for each in found if each.type == FileType.File)


def _is_open(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
