"""No model is unpickled, and nothing else but what a key the reader names has signed."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("policies", "plant_io", "anomaly", "controller", "hil")
LOADERS = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
OWN = {"anomaly/contract.py", "controller/console/wire.py", "controller/records/resume.py"}
"""Where that is done: in memory, to see that a detector can be stored; by the process of the console, of what the run
that started it writes to their own pair of sockets; and of a record, behind its signature."""
HARMLESS = {"PicklingError", "UnpicklingError"}


def wrong(source: str) -> list[str]:
    """Name every place that loads what was pickled."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [each.name for each in names if each.name.partition(".")[0] in LOADERS]
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] in LOADERS:
                found += [module for each in names if each.name not in HARMLESS]
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=False)):
                continue
            case ast.keyword(arg="allow_pickle"):
                found.append("allow_pickle")
            case ast.Attribute(attr="read_pickle"):
                found.append("read_pickle")
            case _:
                continue
    return found


def test_no_source_loads_what_was_pickled() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 300
    names = {str(path.relative_to(ROOT)): wrong(path.read_text(encoding="utf-8")) for path in files}
    assert {name: found for name, found in names.items() if found and name not in OWN} == {}
    assert all(names[name] == ["pickle"] for name in OWN)


def test_what_unpickles_would_be_found() -> None:
    for source in (
        "import pickle", "from joblib import load", "import numpy as np\nnp.load('x', allow_pickle=True)",
        "np.load(f, allow_pickle=flag)", "pd.read_pickle('x')", "import torch, dill",
    ):  # fmt: skip
        assert wrong(source), source
    assert wrong("np.savez(f, allow_pickle=False)\nimport json") == []
