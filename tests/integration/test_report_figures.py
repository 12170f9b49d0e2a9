"""Every number of the report's figures recomputed from the ledger's rows and the raw file, by other code.

Read here: SQLite rows and their JSON, stored columns by their bytes, the stocks file. Used of the product are only the
figures that are judged, and the page, on which each of them is looked for. Benchmarks are recomputed from the equities
that the figures draw.
"""

import copy
import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.integration.ledger_oracle import Book, Oracle
from tests.integration.report_page import check_page
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.identifiers import BookId, Stage
from tradeops.domain.models import ModelRef, ModelState
from tradeops.learning.block_bootstrap import Estimate
from tradeops.services.report import write_report
from tradeops.services.report.figures import ReportFigures, StagedFigures
from tradeops.services.report.gather_figures import gather_figures
from tradeops.services.report.write_report import render_report
from tradeops.settings import Settings

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
Pairs = dict[str, list[tuple[float, float]]]


@pytest.fixture(scope="module")
def figures(decided_history: Path) -> ReportFigures:
    with open_runtime(Settings(state_dir=decided_history)) as runtime:
        return gather_figures(runtime.report_sources(), BookId())


@pytest.fixture(scope="module")
def oracle(decided_history: Path) -> Oracle:
    return Oracle(decided_history)


def check_book(figures: ReportFigures, oracle: Oracle) -> None:
    report, equity = figures.performance, oracle.equity
    book, returns = report.book, equity[1:] / equity[:-1] - 1
    assert (str(report.first), str(report.last), report.sessions) == (
        oracle.sessions[0],
        oracle.sessions[-1],
        len(equity),
    )
    assert book.final_equity == oracle.book.equities[-1][1]
    assert book.net_return == pytest.approx(equity[-1] / equity[0] - 1)
    assert book.annual_return.value == pytest.approx((equity[-1] / equity[0]) ** (252 / len(returns)) - 1)
    assert book.volatility == pytest.approx(np.std(returns, ddof=1) * math.sqrt(252))
    assert book.sharpe.value == pytest.approx(np.mean(returns) / np.std(returns, ddof=1) * math.sqrt(252))
    assert book.max_drawdown == pytest.approx(min(x / max(equity[: at + 1]) - 1 for at, x in enumerate(equity)))
    assert book.fills == len(oracle.book.fills)
    assert list(figures.curves.book) == list(equity)
    assert figures.equal_weight.final_equity == Decimal(repr(float(figures.curves.equal_weight[-1])))
    assert report.benchmark.final_equity == Decimal(repr(float(figures.curves.holding[-1])))
    for found in (book.annual_return, book.sharpe, report.excess, figures.equal_weight_excess):
        assert found.low <= found.value <= found.high


def check_costs(figures: ReportFigures, oracle: Oracle) -> None:
    fees, slippage, half, traded = Decimal(0), Decimal(0), Decimal(0), Decimal(0)
    for name, session, quantity, price, fee, _ in oracle.book.fills:
        opening = oracle.opens[session, name]
        fees += Decimal(fee)
        slippage += Decimal(quantity) * (Decimal(price) - opening)
        half += abs(Decimal(quantity)) * opening * Decimal(oracle.book.policy["costs"]["half_spread"])
        traded += abs(Decimal(quantity)) * Decimal(price)
    costs, book = figures.costs, figures.performance.book
    assert (costs.commission, costs.half_spread) == (fees, half)
    assert costs.half_spread + costs.impact + costs.rounding == pytest.approx(slippage, abs=Decimal("1e-18"))
    assert costs.impact > 0 and 0 <= costs.rounding <= Decimal("0.01") * sum(
        abs(Decimal(fill[2])) for fill in oracle.book.fills
    )
    assert (book.fees, book.slippage) == (fees, slippage)
    years, mean = (len(oracle.equity) - 1) / 252, float(np.mean(oracle.equity))
    assert book.costs_a_year == pytest.approx(float(fees + slippage) / mean / years)
    assert book.turnover_a_year == pytest.approx(float(traded) / mean / years)


def check_agents(figures: ReportFigures, oracle: Oracle) -> None:
    pairs: Pairs = defaultdict(list)
    spoken, silent = Counter[str](), Counter[tuple[str, int]]()
    for session, agent, name, code, score in oracle.opinions():
        if code:
            silent[agent, code] += 1
            continue
        spoken[agent] += 1
        outcome = oracle.outcome(session, name)
        if outcome is not None:
            pairs[agent].append((score, outcome))
    assert [agent.agent for agent in figures.agents] == sorted(pairs)
    for agent in figures.agents:
        told = [count for (name, _), count in sorted(silent.items()) if name == agent.agent]
        assert (agent.spoke, agent.outcomes) == (spoken[agent.agent], len(pairs[agent.agent]))
        assert list(agent.abstentions.values()) == told
        assert agent.asked == agent.spoke + sum(told)
        scores, outcomes = np.array(pairs[agent.agent]).T
        assert agent.information is not None and agent.hit_rate is not None
        assert agent.information.value == pytest.approx(spearmanr(scores, outcomes).statistic, abs=1e-9)
        product = scores * outcomes
        assert agent.hit_rate.value == pytest.approx((product > 0).sum() / (product != 0).sum())


def check_attribution(figures: ReportFigures, oracle: Oracle) -> None:
    """By name exactly; by agent to a cent, from shares of |w·c·score| in the newest slate before."""
    split, by_name = figures.attribution, defaultdict[str, Decimal](Decimal)
    by_agent = defaultdict[str, float](float)
    shares: dict[str, dict[str, float]] = {}
    waiting = list(oracle.book.decisions)
    for session, name, profit in oracle.profits():
        while waiting and waiting[0]["session"] < session:
            shares.update(share_out(waiting.pop(0), oracle.book))
        by_name[name] += profit
        for agent, share in shares.get(name, {}).items():
            by_agent[agent] += float(profit) * share
    total = oracle.book.equities[-1][1] - Decimal(oracle.book.settlements[0]["opening"]["cash"])
    assert {name: profit for name, profit in by_name.items() if profit} == {n: p for n, p in split.by_name.items() if p}
    assert split.total == total == sum(split.by_agent.values(), split.unattributed)
    for agent in figures.agents:
        assert float(agent.profit) == pytest.approx(by_agent[agent.agent], abs=0.01)
        assert agent.profit == split.by_agent[agent.agent]


def share_out(decision: dict[str, Any], book: Book) -> dict[str, dict[str, float]]:
    parts = defaultdict[str, dict[str, float]](dict)
    for agent, ref in decision["opinions"].items():
        header, columns = book.columns(ref)
        for at, name in enumerate(header["instruments"]):
            if header["abstention"][at] == 0:
                weight = book.policy["roster"][agent]
                parts[name][agent] = abs(weight * columns["score"][at] * columns["confidence"][at])
    chosen = [draw["chosen"] for draw in decision["slate"]["draws"]] if decision["slate"] else []
    return {
        name: {agent: part / sum(parts[name].values()) for agent, part in parts[name].items()}
        for name in chosen
        if name in parts
    }


def check_positions(figures: ReportFigures, oracle: Oracle) -> None:
    running, profits, ups = defaultdict[str, Decimal](Decimal), list[Decimal](), list[bool]()
    held: set[str] = set()
    by_session = defaultdict[str, list[tuple[str, Decimal]]](list)
    for session, name, profit in oracle.profits():
        by_session[session].append((name, profit))
    for one in oracle.book.settlements:
        for name, profit in by_session[one["session"]]:
            running[name] += profit
        now = set(one["closing"]["positions"])
        traded = {fill["instrument"] for fill in one["fills"]}
        profits += [running.pop(name) for name in (held | traded) - now]
        held = now
    changes = np.diff([float(one["opening"]["cash"]) for one in oracle.book.settlements[:1]] + list(oracle.equity))
    ups = [change > 0 for change in changes if change]
    found = figures.positions
    assert (found.closed, found.won) == (len(profits), sum(profit > 0 for profit in profits))
    assert found.win_rate is not None and found.win_rate.value == pytest.approx(found.won / found.closed)
    assert found.sessions_up is not None and found.sessions_up.value == pytest.approx(np.mean(ups))
    invested = [float(1 - cash / equity) for _, equity, cash in oracle.book.equities]
    assert found.exposure == pytest.approx(np.mean(invested))
    assert found.invested == pytest.approx(np.mean([bool(o["closing"]["positions"]) for o in oracle.book.settlements]))
    assert figures.weights.weights.sum(axis=1) == pytest.approx(np.array(invested), abs=1e-12)


def check_forecasts(figures: ReportFigures, oracle: Oracle) -> None:
    rows = list(oracle.forecasts())
    losses = [
        np.mean([max(level * (y - q), (level - 1) * (y - q)) for level, q in zip(LEVELS, quantiles, strict=True)])
        for _, quantiles, y in rows
    ]
    assert figures.pinball is not None and figures.reliability is not None
    assert figures.pinball.value == pytest.approx(np.mean(losses))
    bins = figures.reliability.bins
    assert figures.reliability.outcomes == len(rows) == sum(one.count for one in bins)
    ordered = sorted(probability for probability, _, _ in rows)
    cuts = np.cumsum([one.count for one in bins])
    assert [one.forecast for one in bins] == pytest.approx(
        [np.mean(part) for part in np.split(np.array(ordered), cuts[:-1])]
    )
    rose = sum(one.observed.value * one.count for one in bins)
    assert rose == pytest.approx(sum(y > 0 for _, _, y in rows))
    wrong = sum(abs(one.observed.value - one.forecast) * one.count for one in bins) / len(rows)
    assert figures.reliability.calibration_error == pytest.approx(wrong)


def check_funnel(figures: ReportFigures, oracle: Oracle) -> None:
    counts = Counter[str]()
    clamped = Decimal(0)
    for decision in oracle.book.decisions:
        refs = list(decision["opinions"].values())
        counts["names judged"] += len(oracle.book.columns(refs[0])[0]["instruments"]) if refs else 0
        if decision["forecasts"]:
            counts["with a forecast"] += len(oracle.book.columns(decision["forecasts"])[0]["instruments"])
        counts["drawn into the slate"] += len(decision["slate"]["draws"]) if decision["slate"] else 0
        counts["orders proposed"] += len(decision["intents"])
        counts["orders sent"] += len(decision["orders"])
        clamped += sum((Decimal(verdict["clamp_cost"]) for verdict in decision["verdicts"]), Decimal(0))
    counts["orders filled"] = len({fill[5] for fill in oracle.book.fills})
    assert {step.name: step.count for step in figures.funnel} == dict(counts)
    assert figures.clamp_cost == clamped
    for before, after in zip(figures.funnel, figures.funnel[1:], strict=False):
        assert before.count - sum(after.lost.values()) + sum(after.joined.values()) == after.count


def check_demands(figures: ReportFigures, oracle: Oracle) -> None:
    of_book, held, equal = figures.demands[:3]
    assert (of_book.win_rate, of_book.drawdown) == (
        figures.positions.win_rate,
        figures.performance.book.max_drawdown,
    )
    assert held.drawdown == pytest.approx(figures.performance.benchmark.max_drawdown)
    assert equal.drawdown == pytest.approx(figures.equal_weight.max_drawdown)
    cash = Decimal(oracle.book.settlements[0]["opening"]["cash"])
    for demand, agent in zip(figures.demands[3:], figures.agents, strict=True):
        worth = [float(cash)]
        for gained in figures.attribution.history[agent.agent]:
            worth.append(worth[-1] + float(gained))
        falls = [x / max(worth[: at + 1]) - 1 for at, x in enumerate(worth)]
        assert demand.drawdown == agent.max_drawdown == pytest.approx(min(falls))
        assert demand.win_rate == agent.hit_rate
        assert demand.wins is (agent.hit_rate is not None and agent.hit_rate.value > 0.6)
        assert demand.holds is (min(falls) > -0.02)


Check = Callable[[ReportFigures, Oracle], None]
CHECKS: dict[str, Check] = {
    "book": check_book,
    "costs": check_costs,
    "agents": check_agents,
    "attribution": check_attribution,
    "positions": check_positions,
    "forecasts": check_forecasts,
    "funnel": check_funnel,
    "demands": check_demands,
}


@pytest.mark.parametrize("part", CHECKS)
def test_figures_are_those_of_the_ledger(figures: ReportFigures, oracle: Oracle, part: str) -> None:
    CHECKS[part](figures, oracle)


def bump(value: Any) -> Any:
    """The same kind of number, a little larger."""
    return value + Decimal("0.01") if isinstance(value, Decimal) else value + (1 if isinstance(value, int) else 1e-3)


def change_part(figures: ReportFigures, part: str, field: str) -> ReportFigures:
    owner = getattr(figures, part)
    return replace(figures, **{part: replace(owner, **{field: bump(getattr(owner, field))})})


def change_first(figures: ReportFigures, part: str, field: str) -> ReportFigures:
    first, *rest = getattr(figures, part)
    return replace(figures, **{part: (replace(first, **{field: bump(getattr(first, field))}), *rest)})


def change_book(figures: ReportFigures, field: str) -> ReportFigures:
    book = figures.performance.book
    changed = replace(book, **{field: bump(getattr(book, field))})
    return replace(figures, performance=replace(figures.performance, book=changed))


MUTANTS: dict[str, tuple[str, Callable[[ReportFigures], ReportFigures]]] = {
    **{f"book {name}": ("book", lambda f, n=name: change_book(f, n)) for name in ("net_return", "volatility", "fills")},
    **{
        f"costs {n}": ("costs", lambda f, n=n: change_part(f, "costs", n))
        for n in ("commission", "half_spread", "impact")
    },
    **{f"agent {n}": ("agents", lambda f, n=n: change_first(f, "agents", n)) for n in ("asked", "spoke", "outcomes")},
    "profit of an agent": ("attribution", lambda f: change_first(f, "agents", "profit")),
    "unattributed": ("attribution", lambda f: change_part(f, "attribution", "unattributed")),
    **{
        f"positions {n}": ("positions", lambda f, n=n: change_part(f, "positions", n))
        for n in ("won", "exposure", "invested")
    },
    "pinball": ("forecasts", lambda f: change_part(f, "pinball", "value")),
    "calibration": ("forecasts", lambda f: change_part(f, "reliability", "calibration_error")),
    "funnel": ("funnel", lambda f: change_first(f, "funnel", "count")),
    "drawdown": ("demands", lambda f: change_first(f, "demands", "drawdown")),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_one_changed_number_is_seen(figures: ReportFigures, oracle: Oracle, mutant: str) -> None:
    part, change = MUTANTS[mutant]
    with pytest.raises(AssertionError):
        CHECKS[part](change(figures), oracle)


def test_mutant_one_changed_row_is_seen(figures: ReportFigures, oracle: Oracle) -> None:
    """The other way round: a cent in a recorded fill."""
    changed = copy.copy(oracle)
    changed.book = copy.copy(oracle.book)
    name, session, quantity, price, fee, order = oracle.book.fills[0]
    worse = str(Decimal(price) + Decimal("0.01"))
    changed.book.fills = [(name, session, quantity, worse, fee, order), *oracle.book.fills[1:]]
    with pytest.raises(AssertionError):
        check_costs(figures, changed)


def test_every_number_of_the_page_is_the_figure_that_belongs_there(
    figures: ReportFigures, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_page(render_page(figures, monkeypatch), figures)
    staged = with_shadow(figures)
    check_page(render_page(staged, monkeypatch), staged)


def with_shadow(figures: ReportFigures) -> ReportFigures:
    """The same book with a made-up model beside it, each of whose figures is another one."""
    shadow = StagedFigures(
        model=ModelRef("blender/abc"),
        version=7,
        state=ModelState.SHADOW,
        book_id=BookId(account="shadow", stage=Stage.SHADOW, run="made_up"),
        opens_on=figures.performance.first,
        sessions=331,
        performance=figures.performance.benchmark,
        live=figures.equal_weight,
        evaluated=317,
        pinball=0.0123,
        live_pinball=0.0234,
        difference=Estimate(value=-0.0111, low=-0.0345, high=0.0456),
        ruling="pinball difference to the incumbent -0.011100",
        training={"pinball": 0.0567, "pinball_prior": 0.0678},
    )
    return replace(figures, staged=(shadow,))


def render_page(figures: ReportFigures, monkeypatch: pytest.MonkeyPatch) -> str:
    """Without its pictures."""
    monkeypatch.setattr(write_report, "draw_plots", lambda _figures: {})
    return write_report.render_report(figures)["report.html"].decode()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("p.max_drawdown|percent(1))", "p.volatility|percent(1))"),
        ("p.benchmark.annual_return.value", "p.book.annual_return.value"),
        ("p.sharpe|range", "p.annual_return|range"),
        ("agent.outcomes|count", "agent.spoke|count"),
        ("agent.profit|money(sign=true)", "agent.profit|abs|money(sign=true)"),
        ("f.positions.won|count", "f.positions.closed|count"),
        ("topic.validated|count", "topic.dead|count"),
        ("book_row('Buy-and-hold', p.benchmark)", "book_row('Buy-and-hold', p.book)"),
        ("{{ step.count|count }}", "465"),
        ("one.live_pinball|percent(3)", "one.pinball|percent(3)"),
        ("book_row('live, same sessions', one.live)", "book_row('live, same sessions', one.performance)"),
    ],
)
def test_mutant_page_that_prints_another_figure_is_found(
    right: str, wrong: str, figures: ReportFigures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(write_report.TEMPLATES, tmp_path / "templates")
    template = tmp_path / "templates" / "report.html.j2"
    assert right in template.read_text()
    template.write_text(template.read_text().replace(right, wrong, 1))
    monkeypatch.setattr(write_report, "TEMPLATES", tmp_path / "templates")
    staged = with_shadow(figures)
    with pytest.raises(AssertionError):
        check_page(render_page(staged, monkeypatch), staged)


def test_equal_figures_give_equal_bytes_and_the_page_needs_nothing_else(figures: ReportFigures) -> None:
    (page,) = render_report(figures).values()
    assert (page,) == tuple(render_report(figures).values())
    text = page.decode()
    for word in ("http://", "https://", "<script", "src=", "url(http"):
        assert word not in text.replace("http://www.w3.org/", "")
    body = text[text.index("<main>") :]
    assert "stocks picked in hindsight: returns below are no evidence of skill" in body[:250]


def test_what_is_foreign_is_escaped(figures: ReportFigures) -> None:
    wicked = "<script>alert('$x_1$')</script>&"
    first, *rest = figures.agents
    changed = replace(figures, agents=(replace(first, agent=wicked, abstentions={wicked: 3}), *rest))
    page = render_report(changed)["report.html"].decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(") >= 3
