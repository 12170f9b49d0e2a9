"""`tradeops serve`, `seal` and `relay` as processes: each session is decided once, whoever dies or is stopped."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.serving import Installation, wait_for
from tests.servers.kafka import lend_prefix, open_kafka
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.topics import DECISIONS, FEATURES, SETTLEMENTS
from tradeops.domain.trading_window import WindowState
from tradeops.entrypoints.processes.heartbeat import FOLDER, read_beats
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.drain_events_once import GROUP
from tradeops.services.read_log import count_unread

POISON = b'\xff{"type": "session_features"'


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("loaded") / "state"
    Installation(state).load_history()
    return state


@pytest.fixture
def copy(loaded: Path, tmp_path: Path) -> Callable[[str], Installation]:
    def make(name: str) -> Installation:
        return Installation(Path(shutil.copytree(loaded, tmp_path / name)))

    return make


def test_each_session_is_decided_once_by_two_servers_of_which_one_is_killed(
    copy: Callable[[str], Installation],
) -> None:
    here = copy("state")
    with (
        here.start("serve") as first,
        here.start("serve") as second,
        here.start("seal") as sealer,
        here.start("relay") as relay,
    ):
        everybody = (second, sealer, relay)
        wait_for(lambda: len(read_beats(here.state_dir, "serve")) == 2, first, *everybody)
        (one,) = here.deliver()
        wait_for(lambda: here.is_closed(one), first, *everybody)
        first.kill()
        here.send(FEATURES.name, POISON)
        (other,) = here.deliver()
        wait_for(lambda: here.is_closed(other), *everybody)
        sessions = [decision.session for decision in here.list_decisions()]
        for topic in (DECISIONS, SETTLEMENTS):
            wait_for(lambda: len(here.read(topic.name)) == len(sessions), *everybody)  # noqa: B023
        assert len(read_beats(here.state_dir, "serve")) == 2  # of whom one is dead
        for process in everybody:
            here.stop(process)

    assert Counter(sessions).most_common(1)[0][1] == 1
    assert sessions[-2:] == [one, other]
    with here.open_log() as log:
        assert [letter.value for letter in list_dead_letters(log)] == [POISON]
    told = [decode_event(value) for value in here.read(DECISIONS.name)]
    assert [event.payload.session for event in told] == sessions  # type: ignore[union-attr]
    assert len({event.event_id for event in told}) == len(sessions) == len(here.read(SETTLEMENTS.name))
    assert [path.name.split("-")[0] for path in (here.state_dir / FOLDER).glob("*.json")] == ["serve"]


def test_on_kafka_too_a_killed_server_is_followed_by_another(tmp_path: Path) -> None:
    with open_kafka() as broker, lend_prefix(broker) as url:
        here = Installation(tmp_path / "state", url.replace("session_s=3", "session_s=6"))
        here.load_history()
        with here.start("serve") as first:
            (one,) = here.deliver()
            wait_for(lambda: here.is_closed(one), first)
            first.kill()
        here.send(FEATURES.name, POISON)
        (other,) = here.deliver()
        with here.start("serve") as second:
            wait_for(lambda: here.is_closed(other), second)
            here.stop(second)
        decisions = here.list_decisions()
        with here.open_log() as log:
            letters = [letter.value for letter in list_dead_letters(log, topic=FEATURES.name)]

    assert len({decision.session for decision in decisions}) == len(decisions)
    assert [(d.session, d.outcome) for d in decisions[-2:]] == [(one, "decided"), (other, "decided")]
    assert letters == [POISON]


def test_sessions_that_waited_too_long_are_skipped_and_the_same_once_more(
    copy: Callable[[str], Installation],
) -> None:
    found = []
    for name in ("one", "other"):
        here = copy(name)
        sessions = here.deliver(3)
        with here.start("serve") as server:
            wait_for(lambda: here.is_closed(sessions[-1]), server)  # noqa: B023
            here.stop(server)
        decisions = here.list_decisions()
        assert [(d.session, d.outcome, len(d.orders)) for d in decisions[-3:-1]] == [
            (session, "skipped", 0) for session in sessions[:2]
        ]
        assert (decisions[-1].session, decisions[-1].outcome) == (sessions[-1], "decided")
        found.append([decision.digest for decision in decisions])

    assert found[0] == found[1]


def test_in_a_closed_window_a_session_waits_and_is_decided_when_it_opens(copy: Callable[[str], Installation]) -> None:
    here = copy("state")
    before = here.list_decisions()
    here.turn_window(WindowState.CLOSED)
    with here.start("serve") as server:
        (session,) = here.deliver()
        wait_for(lambda: "window closed" in here.health("serve"), server)
        assert here.list_decisions() == before
        with here.open_log() as log:
            assert count_unread(log, GROUP, FEATURES.name) == 1
        here.turn_window(WindowState.OPEN)
        wait_for(lambda: here.is_closed(session), server)
        here.stop(server)
    with here.open_log() as log:
        assert (count_unread(log, GROUP, FEATURES.name), list_dead_letters(log)) == (0, ())
    assert here.list_decisions()[-1].outcome == "decided"


def test_stopped_in_the_middle_it_hands_back_and_the_next_one_goes_on(copy: Callable[[str], Installation]) -> None:
    here = copy("state")
    sessions = here.deliver(3)
    with here.start("serve", "--most-waiting", "9") as server:
        wait_for(lambda: bool(here.list_decisions()), server)
        logged = here.stop(server)
    assert "has handed back" in logged
    with here.start("serve", "--most-waiting", "9") as server:
        wait_for(lambda: here.is_closed(sessions[-1]), server)
        here.stop(server)

    decisions = here.list_decisions()
    assert len({decision.session for decision in decisions}) == len(decisions)
    assert [(d.session, d.outcome) for d in decisions[-3:]] == [(session, "decided") for session in sessions]
