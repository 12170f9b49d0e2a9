"""Only settings read the environment: a value has one place where it comes from."""

import ast
from collections.abc import Iterable

import pytest

from tests.architecture.source_tree import PRODUCT, Module, dotted, list_imports, read_modules

READER = "include/tradeops/settings.py"
BANNED = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}


def find_readers(modules: Iterable[Module]) -> list[str]:
    found = []
    for module in modules:
        uses = {(dotted(n), n.lineno) for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
        hits = (uses | set(list_imports(module.tree))) if module.path != READER else set()
        found += [f"{module.path}:{line} {name}" for name, line in sorted(hits) if name in BANNED]
    return found


def test_only_settings_read_the_environment() -> None:
    assert find_readers(read_modules(*PRODUCT)) == []


@pytest.mark.parametrize("code", ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')"])
def test_mutant_another_reader_is_found(code: str) -> None:
    assert len(find_readers([Module("agents/a.py", code)])) == 1
    assert find_readers([Module(READER, code)]) == []
