"""Modules and functions stay small enough to be read at once."""

import ast
from collections.abc import Iterable
from statistics import median

from tests.architecture.source_tree import PRODUCT, Module, read_modules

MOST_LINES, MOST_FUNCTION_LINES, MOST_MEDIAN = 400, 50, 75
TESTS_AND_PRODUCT = (*PRODUCT, "tests", "benchmarks")


def find_oversized(modules: Iterable[Module]) -> list[str]:
    found = []
    for module in modules:
        if (lines := len(module.text.splitlines())) > MOST_LINES:
            found.append(f"{module.path}: {lines} lines")
        found += _find_long_functions(module)
    return found


def _find_long_functions(module: Module) -> list[str]:
    functions = [n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    sizes = [(f.name, _count_lines(f)) for f in functions if not _is_kernel(f)]
    return [f"{module.path}: {name} has {size} lines" for name, size in sizes if size > MOST_FUNCTION_LINES]


def _count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: the docstring explains, it is not counted."""
    doc = function.body[0] if ast.get_docstring(function) else None
    explained = (doc.end_lineno or 0) - doc.lineno + 1 if doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - explained


def _is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("jit" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_nothing_is_oversized() -> None:
    assert find_oversized(read_modules(*TESTS_AND_PRODUCT)) == []


def test_the_median_module_is_small() -> None:
    sizes = [len(m.text.splitlines()) for m in read_modules(*PRODUCT) if not m.path.endswith("__init__.py")]
    assert median(sizes) <= MOST_MEDIAN


def test_mutant_a_long_module_is_found() -> None:
    assert find_oversized([Module("a.py", "x = 1\n" * 401)]) == ["a.py: 401 lines"]


def test_mutant_a_long_function_is_found() -> None:
    text = "def f():\n" + "    x = 1\n" * 50
    assert find_oversized([Module("a.py", text)]) == ["a.py: f has 51 lines"]
    assert find_oversized([Module("a.py", "@njit\n" + text)]) == []
