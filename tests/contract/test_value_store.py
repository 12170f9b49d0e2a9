"""Write-once values named by their content."""

import hashlib
import multiprocessing as mp
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.value_store import InMemoryValueStore
from tradeops.adapters import value_store_files
from tradeops.adapters.value_store_files import FileValueStore
from tradeops.domain.errors import CorruptInput, ExternalServiceError, UnknownRecord
from tradeops.domain.identifiers import ValueRef
from tradeops.ports.value_store import ValueStore

VALUE = b"tradeops" * 100


@pytest.fixture
def files(tmp_path: Path) -> FileValueStore:
    return FileValueStore(tmp_path / "values")


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, files: FileValueStore) -> ValueStore:
    return InMemoryValueStore() if request.param == "memory" else files


def path_of(tmp_path: Path, ref: ValueRef) -> Path:
    return tmp_path / "values" / ref[:2] / ref


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


def check_changed_bytes_are_refused(store: ValueStore, tmp_path: Path) -> None:
    """A stored value that lost, gained or changed a byte is not given out."""
    ref = store.put(VALUE)
    path = path_of(tmp_path, ref)
    for damaged in (b"T" + VALUE[1:], VALUE[:-1], VALUE + b"\0", b""):
        path.chmod(0o644)
        path.write_bytes(damaged)
        with pytest.raises(CorruptInput) as error:
            store.get(ref)
        assert ref in error.value.message


def test_changed_bytes_are_refused(files: FileValueStore, tmp_path: Path) -> None:
    check_changed_bytes_are_refused(files, tmp_path)


def test_mutant_that_trusts_the_disk_is_found(tmp_path: Path) -> None:
    class Trusting(FileValueStore):
        def get(self, ref: ValueRef) -> bytes:
            return self._path(ref).read_bytes()

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_changed_bytes_are_refused(Trusting(tmp_path / "values"), tmp_path)


def test_the_fake_refuses_changed_bytes_too() -> None:
    store = InMemoryValueStore()
    ref = store.put(VALUE)
    store.values[ref] = VALUE[:-1]
    with pytest.raises(CorruptInput):
        store.get(ref)


def test_a_damaged_value_is_healed_by_putting_it_again(files: FileValueStore, tmp_path: Path) -> None:
    ref = files.put(VALUE)
    path = path_of(tmp_path, ref)
    path.chmod(0o644)
    path.write_bytes(b"")
    files.put(VALUE)
    assert files.get(ref) == VALUE


def test_files_are_read_only_and_written_once(files: FileValueStore, tmp_path: Path) -> None:
    ref = files.put(VALUE)
    before = path_of(tmp_path, ref).stat()
    files.put(VALUE)
    after = path_of(tmp_path, ref).stat()
    assert before.st_mode & 0o777 == 0o444
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


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
    monkeypatch.setattr(value_store_files, "_sync", lambda _folder: None)
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


def put_many(folder: Path, count: int) -> None:
    store = FileValueStore(folder)
    for number in range(count):
        assert store.get(store.put(str(number % 10).encode() * 1000))


def test_processes_may_put_the_same_values_at_once(tmp_path: Path) -> None:
    spawn: Callable[..., mp.process.BaseProcess] = mp.get_context("spawn").Process
    crowd = [spawn(target=put_many, args=(tmp_path / "values", 40)) for _ in range(3)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(60)
    assert [process.exitcode for process in crowd] == [0, 0, 0]
    files = [path for path in (tmp_path / "values").rglob("*") if path.is_file()]
    assert len(files) == 10
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)


def test_several_values_are_stored_as_one_after_another(store: ValueStore) -> None:
    values = (b"one", b"two" * 1000, b"one", b"")
    refs = store.put_all(values)
    assert [store.get(ref) for ref in refs] == list(values)
    assert refs == tuple(store.put(data) for data in values)
    assert store.put_all(()) == ()
