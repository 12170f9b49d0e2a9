"""Prices a table of options: every row comes back, with its numbers or with what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tradeops.domain.errors import PricingError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle, Greeks
from tradeops.pricing.option_columns import OptionColumns
from tradeops.services.price_options import PricingService
from tradeops.services.read_option_rows import OptionRequest, read_option_row


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedRow:
    """What became of one row: `greeks`, or an `error`.

    Args:
        greeks: Value and Greeks.
        implied_volatility: What they are of, a fraction a year, where the row gave a price.
        error: Why there are none; its context names the `field`.
    """

    greeks: Greeks | None = None
    implied_volatility: float | None = None
    error: PricingError | None = None


def price_table(service: PricingService, rows: Sequence[Mapping[str, str]], *, request_id: str) -> list[PricedRow]:
    """Price every row that can be read.

    Args:
        service: Running.
        rows: As `read_option_row` takes them.
        request_id: Of the whole table.

    Returns:
        One a row, in order.

    Raises:
        PricingError: The service is stopped or fails as a whole.
        CircuitOpen: It failed too often just now.
    """
    requests: dict[int, OptionRequest] = {}
    found: dict[int, PricedRow] = {}
    for place, row in enumerate(rows):
        try:
            requests[place] = read_option_row(row)
        except PricingError as error:
            found[place] = PricedRow(error=error)
    for places in _group(requests):
        batch = _Batch(service, [requests[place] for place in places], request_id)
        found.update(zip(places, batch.run(), strict=True))
    return [found[place] for place in range(len(rows))]


def _group(requests: Mapping[int, OptionRequest]) -> Iterator[list[int]]:
    def sort_of(place: int) -> tuple[str, str, bool]:
        request = requests[place]
        return request.style.value, request.model.value, request.price is None

    for _, places in groupby(sorted(requests, key=sort_of), key=sort_of):
        yield list(places)


class _Batch:
    """Requests of one style and model, all by volatility or all by price."""

    def __init__(self, service: PricingService, requests: Sequence[OptionRequest], request_id: str) -> None:
        self._service = service
        self._requests = requests
        self._request_id = request_id
        self._model = requests[0].model
        self._asked = OptionColumns(
            style=requests[0].style,
            kind=np.array([float(request.kind.sign) for request in requests]),
            spot=self._lay_out("spot"),
            strike=self._lay_out("strike"),
            years=self._lay_out("years"),
            rate=self._lay_out("rate"),
            dividend_yield=self._lay_out("dividend_yield"),
        )

    def run(self) -> list[PricedRow]:
        errors: dict[int, PricingError] = {}
        rows: dict[int, PricedRow] = {}
        volatility = self._lay_out("volatility") if self._requests[0].price is None else self._imply(errors)
        places = np.array([place for place in range(len(self._requests)) if place not in errors], dtype=np.intp)
        priced = self._service.price(
            self._asked.take(places), volatility[places], request_id=self._request_id, model=self._model
        )
        for row, place in enumerate(places):
            try:
                implied = None if self._requests[place].price is None else float(volatility[place])
                rows[int(place)] = PricedRow(greeks=priced.read(row), implied_volatility=implied)
            except PricingError as error:
                errors[int(place)] = error
        return [rows.get(place) or PricedRow(error=errors[place]) for place in range(len(self._requests))]

    def _imply(self, errors: dict[int, PricingError]) -> FloatArray:
        if self._asked.style is ExerciseStyle.AMERICAN:
            for place in range(len(self._requests)):
                errors[place] = PricingError(
                    "price cannot give an American option's volatility; give the volatility, or take it as european",
                    field="price",
                )
            return np.full(len(self._requests), np.nan)
        implied = self._service.imply(self._asked, self._lay_out("price"), request_id=self._request_id)
        for place in range(len(self._requests)):
            error = implied.verdicts.find_error(place)
            if error is not None:
                errors[place] = error
        return implied.volatility

    def _lay_out(self, name: str) -> FloatArray:
        return np.array([getattr(request, name) for request in self._requests], dtype=np.float64)
