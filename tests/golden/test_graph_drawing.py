"""The drawings in docs/graphs are those of the compiled graphs."""

import pytest

from graphs.decision_cycle import graph
from graphs.decision_cycle.nodes import NODES
from tests.golden.draw_graphs import FOLDER, draw_graphs


def test_drawings_in_the_documentation_are_those_of_the_compiled_graphs() -> None:
    drawings = draw_graphs()

    assert {path: path.read_text() for path in sorted(FOLDER.glob("*.mmd"))} == drawings
    assert len(drawings) == 1


def test_drawing_names_every_node_and_both_ways_out_of_the_blend() -> None:
    (drawing,) = draw_graphs().values()

    for name in NODES:
        assert f"\t{name}({name})" in drawing
    assert "blend_opinions -.-> select_slate;" in drawing
    assert "blend_opinions -.-> record_decision;" in drawing


def test_changed_order_of_the_steps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = draw_graphs()
    swapped = (*graph.AFTER_FORECAST[:-2], "route_orders", "record_decision")
    monkeypatch.setattr(graph, "AFTER_FORECAST", swapped)

    assert draw_graphs() != before
