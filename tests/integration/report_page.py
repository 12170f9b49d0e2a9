"""The numbers that a person reads on the report's page, and those that its figures make there, in order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser

from tradeops.learning.block_bootstrap import Estimate
from tradeops.services.measure_performance import Performance
from tradeops.services.report.figures import ReportFigures

UNSEEN = ("style", "svg", "title")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NUMBER = re.compile(r"(?<![\w/])[-+]?\d[\d,]*(?:\.\d+)?")
ROUNDING = 0.5 + 1e-6

Numbers = Iterable[float]


class _Sections(HTMLParser):
    """What is seen, by the heading above it; before the first heading there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"": []}
        self._heading, self._unseen, self._in_heading = "", 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in UNSEEN
        self._in_heading = tag == "h2"

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in UNSEEN
        self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self._heading = data
            self.texts[data] = []
        elif not self._unseen:
            self.texts[self._heading].append(data)


def read_numbers(text: str) -> list[str]:
    """Numbers in the order of a text; dates are none."""
    return NUMBER.findall(DATE.sub("", text.replace("\N{MINUS SIGN}", "-")))


def read_page(page: str) -> dict[str, list[str]]:
    """Numbers by heading."""
    reader = _Sections()
    reader.feed(page)
    return {heading: read_numbers(" ".join(texts)) for heading, texts in reader.texts.items()}


def check_page(page: str, figures: ReportFigures) -> None:
    """Every number under the headings of figures is the figure that belongs there, rounded."""
    found = read_page(page)
    for heading, numbers in list_expected(figures).items():
        expected = list(numbers)
        assert len(found[heading]) == len(expected), heading
        for text, value in zip(found[heading], expected, strict=True):
            digits = len(text.partition(".")[2])
            assert abs(float(text.replace(",", "")) - value) <= ROUNDING * 10**-digits, (heading, text, value)


def list_expected(figures: ReportFigures) -> Mapping[str, Numbers]:
    """Numbers of each heading, in order."""
    return {
        "": _list_head(figures),
        "What the book earned": _list_books(figures),
        "What it held": _list_held(figures),
        "What was demanded": _list_demands(figures),
        "What each agent was worth": _list_agents(figures),
        "How good the forecasts were": _list_forecasts(figures),
        "From candidates to fills": _list_funnel(figures),
        "What trading cost": [*map(float, figures.cost_shares.values()), float(figures.costs.total)],
        "Models": _list_models(figures),
        "Data": _list_data(figures),
    }


def _percent(value: float) -> float:
    return 100 * value


def _spread(found: Estimate | None, times: float = 100) -> list[float]:
    return [] if found is None else [times * found.value, times * found.low, times * found.high]


def _list_head(figures: ReportFigures) -> Iterator[float]:
    report = figures.performance
    yield from (len(figures.names), report.sessions, *map(float, read_numbers(report.interval)))
    for one in (report.book, report.benchmark):
        value, *interval = _spread(one.annual_return)
        yield from (value, 95, *interval)
    yield from (_percent(one.max_drawdown) for one in (report.book, report.benchmark))
    yield from (float(figures.costs.total), _percent(report.book.costs_a_year))


def _list_book(book: Performance) -> list[float]:
    return [
        float(book.final_equity),
        _percent(book.net_return),
        *_spread(book.annual_return),
        _percent(book.volatility),
        *_spread(book.sharpe, 1),
        _percent(book.max_drawdown),
        _percent(book.costs_a_year),
        book.turnover_a_year,
    ]


def _list_books(figures: ReportFigures) -> Iterator[float]:
    report = figures.performance
    for book in (report.book, report.benchmark, figures.equal_weight):
        yield from _list_book(book)
    yield from (float(figures.curves.cash[-1]), _percent(report.cash))
    yield from (*_spread(report.excess), *_spread(figures.equal_weight_excess))


def _list_held(figures: ReportFigures) -> Iterator[float]:
    yield from (100, _percent(figures.positions.exposure), _percent(figures.positions.invested))
    yield from (float(figures.attribution.by_name.get(name, 0)) for name in figures.weights.instruments)


def _list_demands(figures: ReportFigures) -> Iterator[float]:
    yield from (60, 2, 60, 2)
    for one in figures.demands:
        yield from (*_spread(one.win_rate), _percent(one.drawdown))
    yield from (figures.positions.closed, figures.positions.won, 5, *_spread(figures.positions.sessions_up))


def _list_agents(figures: ReportFigures) -> Iterator[float]:
    yield 5
    for agent in figures.agents:
        yield from (*_spread(agent.information, 1), *_spread(agent.hit_rate))
        yield from (agent.spoke, agent.asked, agent.outcomes, float(agent.profit))
    yield from (float(figures.attribution.unattributed), float(figures.attribution.total))
    for agent in figures.agents:
        yield from (agent.asked - agent.spoke, agent.asked, *agent.abstentions.values())


def _list_forecasts(figures: ReportFigures) -> Iterator[float]:
    assert figures.reliability is not None
    yield from (figures.reliability.outcomes, _percent(figures.reliability.calibration_error))
    yield from _spread(figures.pinball)


def _list_funnel(figures: ReportFigures) -> Iterator[float]:
    yield float(figures.clamp_cost)
    for step in figures.funnel:
        yield from (step.count, *step.lost.values(), *step.joined.values(), *step.reduced.values())


def _list_models(figures: ReportFigures) -> Iterator[float]:
    for one in figures.staged:
        assert one.performance and one.live and one.pinball and one.live_pinball
        yield from (one.version, one.sessions, one.evaluated, _percent(one.pinball), _percent(one.live_pinball))
        yield from (*_spread(one.difference), *_list_book(one.performance), *_list_book(one.live))
        yield from (_percent(one.training[name]) for name in ("pinball", "pinball_prior"))
        yield from map(float, read_numbers(one.ruling))
    yield from (entry.version for entry in figures.promotions)


def _list_data(figures: ReportFigures) -> Iterator[float]:
    assert figures.data is not None
    for topic in figures.data.topics:
        yield from (topic.raw, topic.validated, topic.dead)
    for table in figures.data.tables:
        yield from (table.rows, *table.by_basis.values())
    yield from figures.data.dead_letters.values()
