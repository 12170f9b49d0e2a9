"""A dead-letter topic that grows is told once; again when it has grown tenfold, or grows anew after it was mended."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.notifier import InMemoryNotifier
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.notifier_mail_folder import MailFolderNotifier
from tradeops.domain.dead_letters import Discard
from tradeops.domain.errors import CorruptInput, InvalidRecord
from tradeops.domain.topics import BARS_RAW, MACRO_RAW
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.ports.notifier import Notification
from tradeops.services import watch_dead_letters as module
from tradeops.services.dead_letters import (
    discard_dead_letters,
    list_dead_letters,
    make_dead_letter,
    redrive_dead_letters,
)
from tradeops.services.dead_letters.growth import Growth
from tradeops.services.watch_dead_letters import watch_dead_letters

RAW, DLQ = BARS_RAW.name, BARS_RAW.dead_letters
AT = datetime(2013, 2, 28, 21, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[3]


@dataclass
class World:
    """A log, a notifier, and a clock that goes on by a minute at each look."""

    log: EventLog = field(default_factory=InMemoryEventLog)
    now: datetime = AT
    failed: int = 0
    notifier: Any = None

    def __post_init__(self) -> None:
        self.notifier = self.notifier or InMemoryNotifier(now=lambda: self.now)

    def fail(self, count: int, error: Exception | None = None) -> None:
        """Messages of several keys, in all partitions, that could not be processed."""
        letters = []
        for _ in range(count):
            message = Message(topic=RAW, partition=0, offset=self.failed, key=f"K{self.failed}", value=b"", headers={})
            letters.append(make_dead_letter(message, error or InvalidRecord("not_finite: NaN"), at=self.now))
            self.failed += 1
        self.log.append(letters)

    def look(self) -> bool:
        self.now += MINUTE
        return watch_dead_letters(self.log, self.notifier, topic=RAW, at=self.now)


@pytest.fixture(params=["memory", "gaps", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param != "sqlite":
        yield World(log=InMemoryEventLog(marks=request.param == "gaps"))
        return
    with SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db") as log:
        yield World(log=log)


def test_no_letters_no_words(world: World) -> None:
    assert not world.look()
    assert (world.notifier.sent, world.log.count_messages(DLQ)) == ([], 0)


def check_told_by_growth(world: World) -> None:
    """120 letters, looked at after each: three notifications, at 1, 10 and 100."""
    told = []
    for count in range(1, 121):
        world.fail(1)
        if world.look():
            told.append(count)
    assert told == [1, 10, 100]
    assert len(world.notifier.sent) == 3


def test_growth_is_told_once_a_factor_and_not_once_a_message() -> None:
    check_told_by_growth(World())


def test_mutant_that_tells_once_a_message_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Growth, "is_worth_telling", lambda self, _: len(self.waiting) > self.told)
    with pytest.raises(AssertionError):
        check_told_by_growth(World())


def test_mutant_that_forgets_what_it_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Growth,
        "make_mark",
        lambda self, at: NewMessage(topic=DLQ, key="", value=b"{}", headers={"dead_letter.told": ""}),
    )
    with pytest.raises(AssertionError):
        check_told_by_growth(World())


def test_mutant_that_tells_only_once_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Growth, "is_worth_telling", lambda self, _: bool(self.waiting) and not self.told_until)
    with pytest.raises(AssertionError):
        check_told_by_growth(World())


def test_many_at_once_are_one_notification(world: World) -> None:
    world.fail(300)
    assert [world.look(), world.look()] == [True, False]
    world.fail(500)
    assert not world.look()
    assert len(world.notifier.sent) == 1


def redrive(world: World) -> None:
    redrive_dead_letters(world.log, topic=RAW)


def discard(world: World) -> None:
    discard_dead_letters(world.log, Discard(person="Ada", reason="wrong", at=world.now), topic=RAW)


@pytest.mark.parametrize("settle", [redrive, discard])
def test_after_all_are_settled_the_next_one_is_news(world: World, settle: Callable[[World], None]) -> None:
    world.fail(5)
    assert world.look()
    settle(world)
    assert not world.look()
    world.fail(1)
    assert [world.look(), world.look()] == [True, False]
    assert [note.subject for note in world.notifier.sent] == [
        f"5 messages of {RAW} could not be processed",
        f"1 message of {RAW} could not be processed",
    ]


def test_new_ones_are_news_even_when_nobody_looked_in_between(world: World) -> None:
    world.fail(5)
    world.look()
    redrive(world)
    world.fail(3)
    assert world.look()


def test_topics_are_told_apart(world: World) -> None:
    world.fail(2)
    assert not watch_dead_letters(world.log, world.notifier, topic=MACRO_RAW.name, at=AT)
    assert watch_dead_letters(world.log, world.notifier, topic=DLQ, at=AT)


def test_marks_are_no_letters(world: World) -> None:
    world.fail(2)
    world.look()
    assert len(list_dead_letters(world.log)) == 2
    assert len(redrive_dead_letters(world.log, topic=RAW)) == 2


def test_a_new_process_knows_what_was_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/event_log.db"
    with SqliteEventLog(url) as log:
        first = World(log=log)
        first.fail(3)
        assert first.look()
    with SqliteEventLog(url) as log:
        second = World(log=log, now=AT + timedelta(days=2))
        assert not second.look()


class FailingNotifier:
    def notify(self, notification: Notification) -> bool:
        raise OSError("disk full")


def test_what_could_not_be_told_is_told_by_the_next(world: World) -> None:
    world.fail(2)
    with pytest.raises(OSError, match="disk full"):
        watch_dead_letters(world.log, FailingNotifier(), topic=RAW, at=AT)
    assert world.look()


def check_death_after_telling_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at least once; within the hour the notifier holds the second one back."""
    world.fail(2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Growth, "make_mark", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        world.look()
    world.look()
    assert not world.look()
    assert len(world.notifier.sent) == 1
    world.fail(18)  # grown tenfold within the hour is news all the same
    assert world.look()
    assert len(world.notifier.sent) == 2


def test_death_after_telling_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    check_death_after_telling_loses_nothing(World(), monkeypatch)


def test_mutant_with_one_cause_a_topic_swallows_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._describe

    def describe(growth: Growth, factor: int) -> Notification:
        note = real(growth, factor)
        return Notification(cause=note.cause[:2], subject=note.subject, facts=note.facts, advice=note.advice)

    monkeypatch.setattr(module, "_describe", describe)
    with pytest.raises(AssertionError):
        check_death_after_telling_loses_nothing(World(), monkeypatch)


class CountingNotifier:
    def __init__(self) -> None:
        self.sent: list[Notification] = []

    def notify(self, notification: Notification) -> bool:
        self.sent.append(notification)
        return True


def check_several_at_once_tell_once(url: str) -> None:
    notifier = CountingNotifier()

    def look(_number: int) -> bool:
        with SqliteEventLog(url) as log:
            return World(log=log, notifier=notifier).look()

    with SqliteEventLog(url) as log:
        World(log=log).fail(7)
        with ThreadPoolExecutor(4) as threads:
            told = list(threads.map(look, range(8)))
    assert (sum(told), len(notifier.sent)) == (1, 1)


def test_several_at_once_tell_once(tmp_path: Path) -> None:
    check_several_at_once_tell_once(f"sqlite:///{tmp_path}/event_log.db")


def test_mutant_without_a_lease_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def late(*_arguments: object, **_named: object) -> Iterator[None]:
        yield

    real = module.read_growth
    seen: list[Growth] = []

    def read_before_anybody_told(log: EventLog, topic: Any) -> Growth:
        seen.append(real(log, topic))
        return seen[0]

    monkeypatch.setattr(SqliteEventLog, "hold", late)
    monkeypatch.setattr(module, "read_growth", read_before_anybody_told)
    with pytest.raises(AssertionError):
        check_several_at_once_tell_once(f"sqlite:///{tmp_path}/event_log.db")


def test_while_another_tells_nobody_waits(world: World) -> None:
    world.fail(2)
    with world.log.hold(f"watch/{RAW}"):
        assert not world.look()
    assert world.look()


def test_a_foreign_message_is_named(world: World) -> None:
    world.log.append([NewMessage(topic=DLQ, key="A", value=b"?")])
    with pytest.raises(CorruptInput, match=DLQ):
        world.look()


def test_the_mail_says_all_that_a_person_needs(tmp_path: Path) -> None:
    world = World(notifier=MailFolderNotifier(tmp_path / "mails", tmp_path / "incidents", now=lambda: AT))
    world.fail(1, TimeoutError("no answer\n\x1b[31m in 5 s" + "!" * 500))
    world.now += 3 * MINUTE
    world.fail(4)
    world.fail(2, InvalidRecord("high_below_low: 1 < 2"))
    world.fail(1, InvalidRecord("negative_volume: -3"))
    world.fail(1, InvalidRecord("no reason"))
    world.look()
    (path,) = (tmp_path / "mails").iterdir()
    mail = message_from_bytes(path.read_bytes(), policy=default)
    text = mail.get_content()
    first = min(list_dead_letters(world.log), key=lambda letter: letter.first_at)
    for part in (
        f"9 on {DLQ}; none was told before",
        "2013-02-28 21:30:00 UTC, the last at 2013-02-28 21:33:00 UTC",
        "4 × not_finite (schema_invalid), 2 × high_below_low (schema_invalid), 1 × InvalidRecord (schema_invalid), 2 ",
        f"{first.address}, key 'K0'",
        "TimeoutError: no answer\\n\\x1b[31m in 5 s!",
        "at 90 open letters",
        f"`tradeops dlq show {first.address}`",
        f"`tradeops dlq redrive --topic {RAW} --dry-run`",
        "--error TimeoutError --person NAME --reason WHY --dry-run`",
        "docs/runbooks/dead_letters_growing.md",
    ):
        assert part in text
    assert mail["Subject"] == f"[tradeops] 9 messages of {RAW} could not be processed"
    assert (len(max(text.splitlines(), key=len)) < 250, "\x1b" in text) == (True, False)
    assert (ROOT / "docs/runbooks/dead_letters_growing.md").is_file()
