"""`tradeops report` and `tradeops performance` on a small book, as a person and as a machine use them."""

import csv
import json
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.book_runner import Wish
from tests.unit.services.report.test_compare_staged import enter_shadow, make_sources
from tests.unit.services.test_evaluate_model import DAYS, OPENS, Scene, scene
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.models import ModelStanding, read_standing
from tradeops.domain.orders import Side
from tradeops.entrypoints.command_line import performance, reports
from tradeops.entrypoints.command_line.main import app
from tradeops.ports.ledger import Ledger
from tradeops.services.report.sources import ReportSources
from tradeops.settings import Settings

__all__ = ["scene"]
SESSIONS = 30


@dataclass
class Installation:
    """What both commands ask of a runtime."""

    settings: Settings
    scene: Scene

    @property
    def ledger(self) -> Ledger:
        return self.scene.live.ledger

    def standing(self) -> ModelStanding:
        return read_standing(self.ledger.list_promotions())

    def report_sources(self) -> ReportSources:
        return make_sources(self.scene)


@pytest.fixture
def installation(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Live bought 100 of A for 10 that are worth 11 from row 9 on; a shadow that only looks on stands beside it."""
    enter_shadow(scene)
    for row in range(SESSIONS):
        scene.live.settle(DAYS[row])
        scene.live.decide(DAYS[row], [] if row else [Wish("1", Side.BUY, "A", 100)])
        if row >= OPENS:
            scene.shadow.settle(DAYS[row])
            scene.shadow.decide(DAYS[row], [])
    scene.load(SESSIONS)
    made = Installation(Settings(state_dir=tmp_path), scene)

    @contextmanager
    def open_installation() -> Iterator[Installation]:
        yield made

    for module in (performance, reports):
        monkeypatch.setattr(module, "open_installation", open_installation)
    return made


def tradeops(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def say(*words: str) -> str:
    done = tradeops(*words)
    assert done.exit_code == 0, done.exception
    return done.stdout


def final_equity(installation: Installation) -> Decimal:
    settled = installation.ledger.latest_settlement(installation.scene.live.book_id)
    assert settled is not None
    return settled.equity


def test_report_writes_one_page_and_says_where(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list[str]()
    monkeypatch.setattr(webbrowser, "open", shown.append)
    path = Path(say("report").strip())

    assert path.is_relative_to(installation.settings.reports_dir) and path.name == "report.html"
    assert f"{final_equity(installation):,.0f}" in path.read_text()
    before = path.read_bytes()
    assert say("report", "--open").strip() == str(path)
    assert (path.read_bytes(), shown) == (before, [path.as_uri()])


def test_report_of_a_shadow_is_another_page(installation: Installation) -> None:
    live, shadow = (Path(say("report", "--book", name).strip()) for name in ("live", "shadow"))

    assert live != shadow and shadow.parent.name.startswith("shadow_shadow_blender_v1")
    assert shadow.read_bytes() != live.read_bytes()


def test_performance_for_a_machine_is_that_of_the_ledger(installation: Installation) -> None:
    found, equity = json.loads(say("performance", "--json")), final_equity(installation)

    assert (found["sessions"], found["book"]["fills"]) == (SESSIONS, 1)
    assert Decimal(found["book"]["final_equity"]) == equity
    assert found["book"]["net_return"] == pytest.approx(float(equity) / 100_000 - 1)
    assert found["positions"]["closed"] == 0


def test_performance_for_a_person_names_benchmark_demands_and_agents(installation: Installation) -> None:
    text = say("performance", "--agents")

    for word in ("buy-and-hold", "cash alone", "demanded", "unattributed"):
        assert f"\n{word}" in text
    shadow = say("performance", "--book", "shadow")
    assert "live beside" in shadow and "blender v1" in shadow


def test_exported_fills_give_the_profit_again(installation: Installation, tmp_path: Path) -> None:
    say("performance", "--export", str(tmp_path / "out"))
    equity, held = Decimal(0), Decimal(0)
    for row in csv.DictReader((tmp_path / "out" / "fills.csv").open()):
        equity += Decimal(row["amount"] or 0)
        if row["kind"] == "fill":
            held += Decimal(row["quantity"])
            equity -= Decimal(row["quantity"]) * Decimal(row["price"]) + Decimal(row["fee"])

    assert held == 100
    assert equity + held * 11 == final_equity(installation)


@pytest.mark.parametrize("command", ["report", "performance"])
@pytest.mark.parametrize("book", ["nobody", "canary"])
def test_book_that_is_not_there_is_said(installation: Installation, command: str, book: str) -> None:
    assert isinstance(tradeops(command, "--book", book).exception, UnknownRecord)
