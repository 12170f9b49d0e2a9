"""Processes tell on-call of messages that die in them: once, however many die."""

from pathlib import Path

import pytest

from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.serving import open_sealing, open_serving
from tradeops.domain.topics import BARS, FEATURES
from tradeops.ports.event_log import NewMessage
from tradeops.services.drain_events_once import Attempts
from tradeops.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    return load_settings()


def send_poison(settings: Settings, topic: str, count: int) -> None:
    with open_event_log(settings.event_log_url) as log:
        log.append([NewMessage(topic=topic, key=f"K{number}", value=b"\xff") for number in range(count)])


def subjects(settings: Settings) -> list[str]:
    mails = sorted(settings.mail_dir.glob("*.eml"))
    return [line for mail in mails for line in mail.read_text().splitlines() if line.startswith("Subject")]


def test_sealing_tells_once_and_again_when_letters_are_tenfold(settings: Settings) -> None:
    for count in (3, 1, 1, 30):
        send_poison(settings, BARS.name, count)
        with open_sealing(settings) as unit:
            while unit():
                pass
    assert subjects(settings) == [
        "Subject: [tradeops] 3 messages of market.bars could not be processed",
        "Subject: [tradeops] 35 messages of market.bars could not be processed",
    ]


def test_serving_tells_and_does_nothing_when_nothing_died(settings: Settings) -> None:
    attempts: Attempts = {}
    with open_serving(settings, most_waiting=1, attempts=attempts, on_progress=pytest.fail, say=lambda _: None) as unit:
        assert not unit()
        assert subjects(settings) == []
        send_poison(settings, FEATURES.name, 2)
        assert unit()
    assert subjects(settings) == ["Subject: [tradeops] 2 messages of market.features could not be processed"]
