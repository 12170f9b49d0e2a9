"""Works that are killed at fail points: deciding sessions, answering events, loading the market."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.evidence.attempts import Attempt, Setting, Work
from tests.evidence.effects import Effects
from tests.evidence.kills import DURABILITIES, Outcome
from tests.evidence.points import Point, Reached
from tests.evidence.random_kills import name_room
from tests.faults import children, kill_loaders, kill_servers
from tests.faults.cases import Case, Prepared, explain, look, look_early, run_case
from tests.faults.fail_points import Tripwire
from tests.faults.installation import warm
from tests.faults.kill_jobs import ask
from tests.faults.kill_servers import Server, Waiting
from tests.faults.mutants import forget_the_event
from tests.faults.suite import list_reached, prepare, prepare_staged
from tradeops.services import load_market_data

RENEWALS = dict.fromkeys(("before ledger renew_claim", "after ledger renew_claim"), 4)
RENEWING = "within update claims"
SERVED = ("ledger", "order", "commit", "transaction")
LOADED = "after clock 1"  # the history is there
SHORT_WINDOW = 20  # sessions


# Deciding


def prepare_deciding(folder: Path) -> Work:
    warm()
    live = prepare(folder)
    prepared = {"live": live, "staged": prepare_staged(live, folder)}
    settings = {
        f"decide-{durability}-{book}": Setting(
            _list_decided(list_reached(each, folder, durability)),
            partial(_kill_decider, Case("kill", durability, book=book), each),  # type: ignore[arg-type]
        )
        for durability in DURABILITIES
        for book, each in prepared.items()
    }
    return Work(settings, {name: partial(_run_decider, case, live) for name, case in MISTAKEN.items()})


def _list_decided(reached: Reached) -> Reached:
    """Who lists places renews claims all the time; of a run that does not, with a few renewals."""
    return {**reached, RENEWING: reached[RENEWING] - reached["after ledger renew_claim"], **RENEWALS}


MISTAKEN = {
    "routed before recorded": Case("kill", "exit", "before ledger record_decision", "send then record"),
    "new client_order_id on retry": Case("kill", "exit", "after ledger claim_cycle", "orders numbered by attempt"),
    "no epoch check": Case("overtake", "exit", "before ledger record_decision", "epoch ignored"),
}


def _kill_decider(case: Case, prepared: Prepared, point: Point, folder: Path) -> Outcome:
    return _run_decider(replace(case, place=point.place, number=point.occurrence), prepared, folder)


def _run_decider(case: Case, prepared: Prepared, folder: Path) -> Outcome:
    folder.mkdir(parents=True)
    verdict = run_case(case, prepared, folder)
    return Outcome([case.place] * verdict.struck, verdict.faults, verdict.effects, verdict.recovery)


# Answering events


def prepare_serving(folder: Path) -> Work:
    warm()
    waiting = kill_servers.prepare_events(folder)
    servers = {"serve-all": Server(), "serve-skipping": Server(most_waiting=1)}
    settings = {
        name: Setting(_list_served(waiting, server, folder / f"{name}-reached"), partial(_kill_server, waiting, server))
        for name, server in servers.items()
    }
    forgetful = Server(change=forget_the_event)
    return Work(
        settings,
        {
            "no inbox": partial(
                _kill_server,
                waiting,
                forgetful,
                Point("serve-all", "after ledger record_decision", 1),
                heir=replace(forgetful, decide_later=True),
            ),
            "offset committed first": partial(
                _kill_server,
                waiting,
                Server(commit_first=True),
                Point("serve-all", "before ledger record_decision", 1),
            ),
        },
    )


def _list_served(waiting: Waiting, server: Server, folder: Path) -> Reached:
    shutil.copytree(waiting.state, folder)
    wire = Tripwire("nowhere")

    def serve() -> dict[str, int]:
        server.run(folder, wire)
        return wire.reached

    reached: dict[str, int] = ask(serve, folder.parent)
    return {place: times for place, times in reached.items() if name_room(place) in SERVED}


def _kill_server(
    waiting: Waiting, server: Server, point: Point, folder: Path, *, heir: Server | None = None
) -> Outcome:
    shutil.copytree(waiting.state, folder)
    expected = waiting.expected[server.most_waiting]

    def look_at_server(folder: Path) -> tuple[list[str], Effects]:
        looked = children.run(lambda: kill_servers.find_faults(waiting, folder, expected), folder)
        found, effects = look(expected, folder)
        return list(dict.fromkeys([*explain("looking", looked), *(looked.value or []), *found])), effects

    return Attempt(server.run, (heir or server).run, look_at_server, look_early).run(point, folder)


# Loading


def prepare_loading(folder: Path) -> Work:
    load_market_data.WINDOW_SESSIONS = SHORT_WINDOW
    case = kill_loaders.make_case(folder)
    undisturbed = folder / "load-reached"
    undisturbed.mkdir()
    wire = Tripwire("nowhere")

    def load() -> dict[str, int]:
        case.load(undisturbed, wire)
        return wire.reached

    return Work({"load": Setting(ask(load, undisturbed), partial(_kill_loader, case))}, {})


def _kill_loader(case: kill_loaders.Case, point: Point, folder: Path) -> Outcome:
    folder.mkdir(parents=True)

    def look_at_load(folder: Path) -> tuple[list[str], Effects]:
        looked = children.run(lambda: case.compare(folder), folder.parent)
        compared = looked.value or {}
        faults = [f"load: {name} differ" for name, (found, wanted) in compared.items() if found != wanted]
        return [*explain("looking", looked), *faults], count_effects(compared)

    return Attempt(case.load, case.load, look_at_load, recovered=LOADED).run(point, folder)


def count_effects(compared: Mapping[str, tuple[Any, Any]]) -> Effects:
    """How many things are missing, and how many there are too many."""
    pairs = [(Counter(found), Counter(wanted)) for found, wanted in compared.values()]
    return Effects(
        lost=sum((wanted - found).total() for found, wanted in pairs),
        duplicated=sum((found - wanted).total() for found, wanted in pairs),
    )


WORKS: Mapping[str, Callable[[Path], Work]] = {
    "load": prepare_loading,
    "serve": prepare_serving,
    "decide": prepare_deciding,
}
