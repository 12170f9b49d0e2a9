"""Few messages, each whole, one an hour for each cause."""

import email
import json
import multiprocessing as mp
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.fakes.notifier import InMemoryNotifier
from tradeops.adapters import notifier_mail_folder
from tradeops.adapters.notifier_mail_folder import MailFolderNotifier
from tradeops.ports.notifier import Notification, Notifier

SPAWN = mp.get_context("spawn")
ALIAS = Notification(
    cause=("promote_models", "alias", "live"),
    subject="alias live names v2, the ledger v1",
    facts=(("found", "v2 × by hand"), ("acts live", "v1")),
    advice="1. Ask who moved it.\n2. Promote it if it should act.",
)
OTHER = replace(ALIAS, cause=("promote_models", "alias", "shadow"), subject="alias shadow names nothing")


@dataclass
class Clock:
    """A wall clock that a test moves."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 3, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def wait(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_folder(tmp_path: Path, clock: Clock) -> Callable[[], Notifier]:
    return lambda: MailFolderNotifier(tmp_path / "mail", tmp_path / "incidents", clock)


@pytest.fixture(params=["memory", "mail folder"])
def open_another(
    request: pytest.FixtureRequest, clock: Clock, open_folder: Callable[[], Notifier]
) -> Callable[[], Notifier]:
    """Opens the same notifier once more, as another process would."""
    if request.param == "memory":
        fake = InMemoryNotifier(clock)
        return lambda: fake
    return open_folder


@pytest.fixture
def notifier(open_another: Callable[[], Notifier]) -> Notifier:
    return open_another()


def read_mails(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.iterdir())
    assert all(file.suffix == ".eml" for file in files)
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]


def check_one_an_hour(notifier: Notifier, clock: Clock) -> None:
    """The hour runs from the last message, not from the last time the cause was seen."""
    went_out = []
    for minutes in (0, 30, 29, 1, 1, 59, 60):
        clock.wait(minutes)
        went_out.append(notifier.notify(ALIAS))
    assert went_out == [True, False, False, True, False, True, True]


def test_a_cause_sends_one_message_an_hour(notifier: Notifier, clock: Clock) -> None:
    check_one_an_hour(notifier, clock)


def test_mutant_that_never_keeps_quiet_is_found(
    open_folder: Callable[[], Notifier], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_mail_folder, "QUIET", timedelta(0))
    with pytest.raises(AssertionError):
        check_one_an_hour(open_folder(), clock)


def test_another_cause_goes_out_beside_it(notifier: Notifier) -> None:
    assert [notifier.notify(one) for one in (ALIAS, OTHER, ALIAS, OTHER)] == [True, True, False, False]


def test_what_another_process_sent_is_not_sent_again(open_another: Callable[[], Notifier]) -> None:
    assert [open_another().notify(ALIAS) for _ in range(3)] == [True, False, False]


def test_the_mail_says_what_since_when_and_what_to_do(open_folder: Callable[[], Notifier], tmp_path: Path) -> None:
    open_folder().notify(ALIAS)
    (mail,) = read_mails(tmp_path / "mail")

    assert mail["Subject"] == "[tradeops] alias live names v2, the ledger v1"
    assert mail.get_content() == (
        "alias live names v2, the ledger v1.\n\n"
        "  found      v2 × by hand\n"
        "  acts live  v1\n"
        "  since      2026-11-21T03:00:00+00:00 (seen 1×; this cause stays quiet for an hour now)\n\n"
        "What to do\n\n1. Ask who moved it.\n2. Promote it if it should act.\n"
    )
    (file,) = (tmp_path / "mail").iterdir()
    assert "seen 1×" in file.read_text()


def test_what_was_kept_quiet_is_counted_and_a_day_without_it_begins_anew(
    open_folder: Callable[[], Notifier], clock: Clock, tmp_path: Path
) -> None:
    for minutes in (0, 10, 50, 24 * 60):
        clock.wait(minutes)
        open_folder().notify(ALIAS)
    counts = [mail.get_content().partition("seen ")[2].partition("×")[0] for mail in read_mails(tmp_path / "mail")]
    (kept,) = (json.loads(file.read_text()) for file in (tmp_path / "incidents").iterdir())

    assert counts == ["1", "3", "1"]
    assert (kept["count"], kept["since"]) == (1, "2026-11-22T04:00:00+00:00")


def test_a_subject_of_several_lines_makes_no_header(open_folder: Callable[[], Notifier], tmp_path: Path) -> None:
    open_folder().notify(replace(ALIAS, subject="one\nBcc: eve@localhost", cause=("a/../b", "c")))
    (mail,) = read_mails(tmp_path / "mail")

    assert mail["Bcc"] is None
    assert mail["Subject"] == "[tradeops] one Bcc: eve@localhost"


def test_a_mail_that_could_not_be_written_is_tried_again(
    open_folder: Callable[[], Notifier], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Path:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(notifier_mail_folder, "_write_whole", fail)
        with pytest.raises(OSError, match="disk full"):
            open_folder().notify(ALIAS)
    assert open_folder().notify(ALIAS) is True
    assert len(read_mails(tmp_path / "mail")) == 1


def check_nothing_half(notifier: Notifier, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies before the mail has its name leaves nothing that a reader takes for a mail."""

    def die(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        notifier.notify(ALIAS)
    assert list(folder.glob("[!.]*")) == []


def test_a_reader_never_sees_half_a_mail(
    open_folder: Callable[[], Notifier], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_nothing_half(open_folder(), tmp_path / "mail", monkeypatch)


def write_in_place(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.eml").write_bytes(data[: len(data) // 2])
    raise KeyboardInterrupt


def test_mutant_that_writes_in_place_is_found(
    open_folder: Callable[[], Notifier], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_mail_folder, "_write_whole", write_in_place)
    with pytest.raises(AssertionError):
        check_nothing_half(open_folder(), tmp_path / "mail", monkeypatch)


def notify_at(folder: Path, start_at: float, went_out: "mp.Queue[bool]") -> None:
    notifier = MailFolderNotifier(folder / "mail", folder / "incidents")
    time.sleep(max(0.0, start_at - time.time()))
    went_out.put(notifier.notify(ALIAS))


def test_two_processes_at_once_send_one_whole_message(tmp_path: Path) -> None:
    went_out = SPAWN.Queue()
    start_at = time.time() + 1.5
    crowd = [SPAWN.Process(target=notify_at, args=(tmp_path, start_at, went_out)) for _ in range(3)]
    for process in crowd:
        process.start()
    said = [went_out.get(timeout=300) for _ in crowd]
    for process in crowd:
        process.join(300)

    assert sorted(said) == [False, False, True]
    (mail,) = read_mails(tmp_path / "mail")
    assert mail.get_content().endswith("2. Promote it if it should act.\n")
