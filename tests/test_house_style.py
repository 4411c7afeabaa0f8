"""The house style, as far as a machine can see it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("policies", "plant_io", "anomaly", "controller", "hil")
NUMERIC = re.compile(r"\b(float|NDArray(?!\[np.bool_)|Floats|Number|Positive|Span|Duration)\b")
COUNTED = re.compile(r"^(Annotated\[)?int\b")
UNIT = re.compile(r"\[[^\]]+\]|\bunits?\b")
LONGEST_FUNCTION = 40
LONGEST_FILE = 400
TOP = {*PACKAGES, "tests", "docs", "benchmarks", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"}
TOP |= {"CONTRIBUTING.md", "SECURITY.md", "Makefile", "requirements.lock", "requirements-test.lock"}
HIDDEN = {".ci", ".gitignore", ".gitattributes"}
LEFT_OVER = re.compile(
    r"(?<![A-Za-z0-9+/])(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")(?![A-Za-z0-9+/])"
)
FOREIGN = re.compile(
    "|".join(("index" + "-url", "find" + "-links", "python" + "hosted", r"(?<![\w.])/(home|root|Users|work)/"))
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tracked() -> list[Path]:
    """Files under version control; in a tree without it, all that are not made by tools."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\0") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    made = {".git", ".venv", "out", "dist", "__pycache__", "node_modules"}
    return [ROOT / name for name in names if name and (ROOT / name).is_file() and not made & set(Path(name).parts)]


def sources(*folders: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def functions(node: ast.AST) -> Iterator[Function]:
    return (found for found in ast.walk(node) if isinstance(found, Function))


def size(function: Function) -> int:
    document = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (document.count("\n") + 1 if document else 0)


def public(body: list[ast.stmt]) -> Iterator[ast.ClassDef | Function]:
    """Public classes and functions, and the public methods of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def unmeasured_parameters(function: Function) -> Iterator[str]:
    """Numbers among the parameters whose docstring gives no unit."""
    document = ast.get_docstring(function) or ""
    for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        entry = re.search(rf"^(?:\w+, )*{argument.arg}(?:, \w+)*\n((?: +.*\n?|\n)+)", document, re.MULTILINE)
        said = entry[1] if entry else document if f"`{argument.arg}`" in document else ""
        if NUMERIC.search(kind) and "typer." not in kind and not UNIT.search(said):
            yield argument.arg


def unmeasured_fields(declared: ast.ClassDef) -> Iterator[str]:
    """Numeric fields whose string below them gives no unit."""
    for field, below in zip(declared.body, [*declared.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign) or ast.unparse(field.target).startswith("_"):
            continue
        kind = ast.unparse(field.annotation)
        said = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
        if (NUMERIC.search(kind) or COUNTED.search(kind)) and not UNIT.search(str(said)):
            yield ast.unparse(field.target)


def test_no_function_outgrows_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{function.name}": size(function)
        for path in sources(*PACKAGES, "benchmarks")
        for function in functions(ast.parse(path.read_text()))
        if size(function) > LONGEST_FUNCTION
    }
    assert long == {}


def test_no_file_outgrows_a_sitting() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources(*PACKAGES, "tests", "benchmarks")
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_page_or_style_or_program_of_the_console_outgrows_a_sitting() -> None:
    shown = [path for path in tracked() if path.suffix in {".js", ".css", ".j2"} and path.parts[-4:-2] != ("tests",)]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in shown}
    assert "controller/console/static/console.js" in lines
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_every_number_that_is_handed_over_has_a_unit() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}({name})"
        for path in sources(*PACKAGES)
        for function in public(ast.parse(path.read_text()).body)
        if isinstance(function, Function)
        for name in unmeasured_parameters(function)
    ] == []


def test_every_number_that_is_kept_has_a_unit() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{declared.lineno} {declared.name}.{name}"
        for path in sources(*PACKAGES)
        for declared in public(ast.parse(path.read_text()).body)
        if isinstance(declared, ast.ClassDef)
        for name in unmeasured_fields(declared)
    ] == []


def test_nothing_is_left_for_later() -> None:
    assert [f"{p.relative_to(ROOT)}: {found[0]}" for p in tracked() if (found := LEFT_OVER.search(text(p)))] == []


def test_no_machine_and_no_package_index_is_named() -> None:
    assert [f"{p.relative_to(ROOT)}: {found[0]}" for p in tracked() if (found := FOREIGN.search(text(p)))] == []


def test_nothing_but_what_was_agreed_stands_at_the_top() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} - TOP - HIDDEN == set()


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "manager", "core", "base_utils"}
    assert [path for path in sources(*PACKAGES) if path.stem in drawers] == []


def text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")
