"""Who may import whom, held by import-linter; the contracts and their reasons are in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _modules(package: str) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted((ROOT / package).rglob("*.py"))}


def _imported(module: ast.Module) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_imports_go_down_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_library_knows_no_prefect() -> None:
    assert [path for path, module in _modules("magnumhub").items() if "prefect" in _imported(module)] == []


def test_flow_modules_define_no_classes() -> None:
    """Flows are pickled by reference: a class of a flow module would be another one in the worker's process."""
    with_flows = {path: module for path, module in _modules("flows").items() if _defines_a_flow(module)}
    assert {path.stem for path in with_flows} >= {"plan", "provision"}
    classes = [
        node.name for module in with_flows.values() for node in ast.walk(module) if isinstance(node, ast.ClassDef)
    ]
    assert classes == []


def _defines_a_flow(module: ast.Module) -> bool:
    return any(
        isinstance(node, ast.FunctionDef) and "flow" in {_name(decorator) for decorator in node.decorator_list}
        for node in ast.walk(module)
    )


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.id if isinstance(called, ast.Name) else ""
