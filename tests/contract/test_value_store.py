"""Write-once values named by their content."""

import hashlib
import multiprocessing as mp
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.fs import S3FileSystem

from tests.fakes.value_store import InMemoryValueStore
from tests.servers.s3 import list_objects, long_s3_limits, make_bucket, open_files, start_s3
from tradeops.adapters import value_store_files
from tradeops.adapters.s3 import S3Access
from tradeops.adapters.value_store_files import FileValueStore
from tradeops.adapters.value_store_s3 import S3ValueStore
from tradeops.domain.errors import ConfigurationError, CorruptInput, ExternalServiceError, UnknownRecord
from tradeops.domain.identifiers import ValueRef
from tradeops.ports.value_store import ValueStore

VALUE = b"tradeops" * 100


@pytest.fixture
def files(tmp_path: Path) -> FileValueStore:
    return FileValueStore(tmp_path / "values")


@pytest.fixture
def objects(s3: S3Access, bucket_url: str) -> S3ValueStore:
    return S3ValueStore(bucket_url, s3)


@pytest.fixture(params=["memory", "files", "s3"])
def store(request: pytest.FixtureRequest) -> ValueStore:
    if request.param == "memory":
        return InMemoryValueStore()
    found: ValueStore = request.getfixturevalue({"files": "files", "s3": "objects"}[request.param])
    return found


def path_of(tmp_path: Path, ref: ValueRef) -> Path:
    return tmp_path / "values" / ref[:2] / ref


class Shelf(Protocol):
    """Where a store keeps a value, to be looked at and damaged behind its back."""

    def damage(self, ref: ValueRef, data: bytes) -> None: ...
    def written_at(self, ref: ValueRef) -> object: ...


@dataclass
class FileShelf:
    folder: Path

    def damage(self, ref: ValueRef, data: bytes) -> None:
        path = self.folder / ref[:2] / ref
        path.chmod(0o644)
        path.write_bytes(data)

    def written_at(self, ref: ValueRef) -> object:
        found = (self.folder / ref[:2] / ref).stat()
        return found.st_ino, found.st_mtime_ns


@dataclass
class BucketShelf:
    files: S3FileSystem
    folder: str

    def damage(self, ref: ValueRef, data: bytes) -> None:
        with self.files.open_output_stream(f"{self.folder}/{ref[:2]}/{ref}") as stream:
            stream.write(data)

    def written_at(self, ref: ValueRef) -> object:
        return self.files.get_file_info(f"{self.folder}/{ref[:2]}/{ref}").mtime


Real = tuple[ValueStore, Shelf]


@pytest.fixture(params=["files", "s3"])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Real:
    """A store and its shelf."""
    if request.param == "files":
        return request.getfixturevalue("files"), FileShelf(tmp_path / "values")
    access, url = request.getfixturevalue("s3"), request.getfixturevalue("bucket_url")
    return request.getfixturevalue("objects"), BucketShelf(open_files(access), url.removeprefix("s3://"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_value_comes_back(store: ValueStore, data: bytes) -> None:
    ref = store.put(data)
    assert ref == hashlib.sha256(data).hexdigest()
    assert store.put(data) == ref
    assert store.get(ref) == data


@pytest.mark.parametrize("ref", ["0" * 64, "no digest", "", "../../etc/passwd", "A" * 64])
def test_unknown_names_are_refused(store: ValueStore, ref: str) -> None:
    with pytest.raises(UnknownRecord):
        store.get(ValueRef(ref))


def check_changed_bytes_are_refused(store: ValueStore, shelf: Shelf) -> None:
    """A stored value that lost, gained or changed a byte is not given out."""
    ref = store.put(VALUE)
    for damaged in (b"T" + VALUE[1:], VALUE[:-1], VALUE + b"\0", b""):
        shelf.damage(ref, damaged)
        with pytest.raises(CorruptInput) as error:
            store.get(ref)
        assert ref in error.value.message


def test_changed_bytes_are_refused(real: Real) -> None:
    check_changed_bytes_are_refused(*real)


def test_mutant_that_trusts_the_disk_is_found(tmp_path: Path) -> None:
    class Trusting(FileValueStore):
        def get(self, ref: ValueRef) -> bytes:
            return self._path(ref).read_bytes()

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_changed_bytes_are_refused(Trusting(tmp_path / "values"), FileShelf(tmp_path / "values"))


def test_the_fake_refuses_changed_bytes_too() -> None:
    store = InMemoryValueStore()
    ref = store.put(VALUE)
    store.values[ref] = VALUE[:-1]
    with pytest.raises(CorruptInput):
        store.get(ref)


def test_a_damaged_value_is_healed_by_putting_it_again(real: Real) -> None:
    store, shelf = real
    ref = store.put(VALUE)
    for damaged in (b"", VALUE[::-1]):
        shelf.damage(ref, damaged)
        store.put_all([VALUE, b"other"])
        assert store.get(ref) == VALUE


def test_values_are_written_once(real: Real) -> None:
    store, shelf = real
    ref = store.put(VALUE)
    before = shelf.written_at(ref)
    time.sleep(0.01)
    store.put(VALUE)
    store.put_all([VALUE, VALUE])
    assert shelf.written_at(ref) == before


def test_files_are_read_only(files: FileValueStore, tmp_path: Path) -> None:
    assert path_of(tmp_path, files.put(VALUE)).stat().st_mode & 0o777 == 0o444


def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(handle: int) -> None:
        calls.append("sync folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "sync file")
        real_sync(handle)

    def replace(self: Path, target: Path) -> Path:
        calls.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    return calls


def check_durable_before_named(files: FileValueStore, calls: list[str]) -> None:
    """Bytes are on disk before the name is, and the name before the caller goes on."""
    files.put(b"first of its folder")
    assert calls[-3:] == ["sync file", "rename", "sync folder"]


def test_bytes_are_durable_before_they_are_named(files: FileValueStore, monkeypatch: pytest.MonkeyPatch) -> None:
    check_durable_before_named(files, record_calls(monkeypatch))


def test_mutant_that_does_not_sync_is_found(files: FileValueStore, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_calls(monkeypatch)
    monkeypatch.setattr(value_store_files, "sync_path", lambda _folder: None)
    with pytest.raises(AssertionError):
        check_durable_before_named(files, calls)


def test_an_interrupted_write_leaves_no_value(
    files: FileValueStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_handle: int) -> None:
        raise OSError("disk full")

    path_of(tmp_path, ValueRef(hashlib.sha256(VALUE).hexdigest())).parent.mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ExternalServiceError, match="disk full"):
        files.put(VALUE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def put_many(store: ValueStore, count: int) -> None:
    with long_s3_limits():
        for number in range(count):
            assert store.get(store.put(str(number % 10).encode() * 1000))


def run_crowd(store: ValueStore, count: int) -> None:
    spawn: Callable[..., mp.process.BaseProcess] = mp.get_context("spawn").Process
    crowd = [spawn(target=put_many, args=(store, count)) for _ in range(3)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(300)
    assert [process.exitcode for process in crowd] == [0, 0, 0]


def test_processes_may_put_the_same_values_at_once(files: FileValueStore, tmp_path: Path) -> None:
    run_crowd(files, 40)
    found = [path for path in (tmp_path / "values").rglob("*") if path.is_file()]
    assert len(found) == 10
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in found)


def test_processes_may_put_the_same_objects_at_once(objects: S3ValueStore, s3: S3Access, bucket_url: str) -> None:
    run_crowd(objects, 15)
    names = [path.rpartition("/")[2] for path in list_objects(s3, bucket_url.removeprefix("s3://"))]
    assert len(names) == 10
    assert all(objects.get(ValueRef(name)) for name in names)


def test_a_forked_child_may_use_the_store_that_its_parent_used(real: Real) -> None:
    store, _ = real
    store.put_all([b"one", b"two"])
    child = mp.get_context("fork").Process(target=put_many, args=(store, 2))
    child.start()
    child.join(300)
    child.kill()
    assert child.exitcode == 0


def test_several_values_are_stored_as_one_after_another(store: ValueStore) -> None:
    values = (b"one", b"two" * 1000, b"one", b"")
    refs = store.put_all(values)
    assert [store.get(ref) for ref in refs] == list(values)
    assert refs == tuple(store.put(data) for data in values)
    assert store.put_all(()) == ()


def test_a_bucket_that_is_not_there_is_a_wrong_setting(s3: S3Access) -> None:
    with pytest.raises(ConfigurationError, match="correct the bucket or TRADEOPS_S3"):
        S3ValueStore("s3://nobody-made-this/values", s3).put(VALUE)
    with pytest.raises(ConfigurationError, match="TRADEOPS_VALUES_DIR is no address of a bucket"):
        S3ValueStore("s3://", s3)


def test_a_service_that_is_gone_is_an_external_error() -> None:
    with start_s3() as (access, process), long_s3_limits():
        store = S3ValueStore(f"s3://{make_bucket(access)}/values", access)
        ref = store.put(VALUE)
        process.kill()
        for call in (lambda: store.put(b"other"), lambda: store.put_all([b"two", b"more"]), lambda: store.get(ref)):
            with pytest.raises(ExternalServiceError) as error:
                call()
            assert error.value.retryable
