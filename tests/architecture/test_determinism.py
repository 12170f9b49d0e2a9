"""What decides depends on its inputs alone: no clock, no fresh identity, no process-wide randomness, no hash seed."""

import ast
from collections.abc import Iterable

import pytest

from tests.architecture.source_tree import Module, dotted, list_imports, read_modules

LAYERS = ("domain", "ports", "features", "pricing", "coordination", "risk", "execution", "learning", "services")
DECIDING = (*(f"include/tradeops/{layer}" for layer in LAYERS), "agents", "graphs")
BANNED_CALLS = {"hash", "id", "os.urandom", "uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4", "time.time", "time.time_ns"}
BANNED_ENDS = (".now", ".utcnow", ".today")
BANNED_MODULES = ("random", "secrets", "uuid")
SEEDED = {"Generator", "PCG64", "Philox", "SeedSequence", "default_rng"}


def find_chance(modules: Iterable[Module]) -> list[str]:
    return [f"{module.path}:{line} {what}" for module in modules for what, line in sorted(_list_hits(module))]


def _list_hits(module: Module) -> set[tuple[str, int]]:
    hits = {(name, line) for name, line in list_imports(module.tree) if name.split(".")[0] in BANNED_MODULES}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _is_chance(node):
            hits.add((f"{ast.unparse(node.func)}(…)", node.lineno))
        if isinstance(node, ast.Attribute) and dotted(node) == "os.environ":
            hits.add(("os.environ", node.lineno))
    return hits


def _is_chance(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name in BANNED_CALLS or name.endswith(BANNED_ENDS):
        return True
    owner, _, last = name.rpartition(".")
    if owner in ("np.random", "numpy.random"):
        return last not in SEEDED or not call.args
    return False


def test_nothing_that_decides_depends_on_chance() -> None:
    assert find_chance(read_modules(*DECIDING)) == []


MUTANTS = [
    "from datetime import datetime\nx = datetime.now()",
    "import pandas as pd\nx = pd.Timestamp.today()",
    "import uuid",
    "from uuid import uuid4",
    "import random",
    "import os\nx = os.environ['A']",
    "x = hash('AAPL')",
    "import time\nx = time.time()",
    "import numpy as np\nx = np.random.normal()",
    "import numpy as np\nx = np.random.default_rng()",
]


@pytest.mark.parametrize("code", MUTANTS)
def test_mutant_chance_is_found(code: str) -> None:
    assert len(find_chance([Module("agents/a.py", code)])) == 1


def test_a_seeded_generator_is_allowed() -> None:
    assert (
        find_chance([Module("agents/a.py", "import numpy as np\nx = np.random.Generator(np.random.Philox(7))")]) == []
    )
