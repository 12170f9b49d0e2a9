"""Every point is tried once, and every place before any is tried again."""

from tests.evidence.points import Point, order_points, parse_point

REACHED = {
    "decide-exit": {"before node size": 3, "within insert orders": 2},
    "decide-sync": {"before node size": 2, "before checkpoint 1": 1},
}
PLACES, PAIRS, POINTS = 3, 4, 8


def test_all_points_are_there_once() -> None:
    points = order_points(REACHED, seed=1)

    assert len(points) == len(set(points)) == POINTS
    assert Point("decide-exit", "before node size", 3) in points


def test_each_place_comes_first_then_each_setting_of_it() -> None:
    for seed in range(20):
        points = order_points(REACHED, seed)
        assert len({point.place for point in points[:PLACES]}) == PLACES
        assert len({(point.setting, point.place) for point in points[:PAIRS]}) == PAIRS


def test_seed_fixes_the_order() -> None:
    assert order_points(REACHED, seed=1) == order_points(dict(reversed(REACHED.items())), seed=1)
    assert len({tuple(order_points(REACHED, seed)) for seed in range(20)}) > 1


def test_point_is_read_back_from_its_text() -> None:
    point = Point("serve-all", "before commit decide 1", 2)

    assert str(point) == "serve-all 2 before commit decide 1"
    assert parse_point(str(point)) == point
