"""Writes the drawings of the graphs: `python -m tests.golden.draw_graphs`."""

from pathlib import Path

from langchain_core.runnables.graph import Edge

from graphs.decision_cycle.graph import CycleGraph, build_graph
from graphs.decision_cycle.nodes import NODES
from graphs.decision_cycle.recovering import find_next

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "graphs"


def draw_graphs() -> dict[Path, str]:
    """Each drawing, in Mermaid, with the file that it belongs into."""
    return {FOLDER / "decision_cycle.mmd": draw(build_graph())}


def draw(graph: CycleGraph) -> str:
    """LangGraph draws a handler of failures as a node that nothing leads to; here it is a way out of its node."""
    drawn = graph.get_graph()
    for name in [name for name in drawn.nodes if name.startswith("__error_handler__")]:
        del drawn.nodes[name]
    known = {(edge.source, edge.target) for edge in drawn.edges}
    failures = [(name, find_next(name)) for name in NODES if graph.nodes[name].error_handler_node]
    drawn.edges += [Edge(*way, conditional=True) for way in failures if way not in known]
    return drawn.draw_mermaid()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, drawing in draw_graphs().items():
        path.write_text(drawing)


if __name__ == "__main__":
    main()
