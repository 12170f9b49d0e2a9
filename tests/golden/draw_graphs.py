"""Writes the drawings of the graphs: `python -m tests.golden.draw_graphs`."""

from pathlib import Path

from graphs.decision_cycle.graph import build_graph

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "graphs"


def draw_graphs() -> dict[Path, str]:
    """Each drawing, in Mermaid, with the file that it belongs into."""
    return {FOLDER / "decision_cycle.mmd": build_graph().get_graph().draw_mermaid()}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, drawing in draw_graphs().items():
        path.write_text(drawing)


if __name__ == "__main__":
    main()
