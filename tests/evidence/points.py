"""Where processes are killed, and in which order places are tried."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Reached = Mapping[str, int]


@dataclass(frozen=True, order=True)
class Point:
    """A place of a run.

    Args:
        setting: What runs, and how.
        occurrence: Which time the place is met, from 1.
    """

    setting: str
    place: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.setting} {self.occurrence} {self.place}"


def parse_point(text: str) -> Point:
    """Back from its text.

    Raises:
        ValueError: It is none.
    """
    setting, occurrence, place = text.split(" ", 2)
    return Point(setting, place, int(occurrence))


def order_points(reached: Mapping[str, Reached], seed: int) -> list[Point]:
    """All of them, by setting: first each place once, then once in each setting, then every other occurrence.

    Within each of the three the order is drawn.
    """
    points = sorted(
        Point(setting, place, occurrence)
        for setting, places in reached.items()
        for place, times in places.items()
        for occurrence in range(1, times + 1)
    )
    random.Random(seed).shuffle(points)
    return sorted(points, key=dict(_rank(points)).__getitem__)


def _rank(points: list[Point]) -> Iterator[tuple[Point, int]]:
    places, pairs = set[str](), set[tuple[str, str]]()
    for point in points:
        pair = point.setting, point.place
        yield point, (point.place in places) + (pair in pairs)
        places.add(point.place)
        pairs.add(pair)
