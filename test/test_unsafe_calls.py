"""No file of this project runs what it reads, or hands text to a shell."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("siammask_ros", "tools", "launch", "cmake")
SOURCES = [ROOT / "setup.py", *(file for name in FOLDERS for file in (ROOT / name).rglob("*.py"))]

UNPICKLERS = {"cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# torch raises these when it refuses a file; nothing else of pickle is allowed.
PICKLE_ERRORS = {"pickle.PickleError", "pickle.UnpicklingError"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def unsafe_calls(text: str) -> list[str]:
    """Return "line: why" for every call or import that could execute what comes from outside."""
    found = []
    for node in ast.walk(ast.parse(text)):
        why = unsafe_import(node)
        if isinstance(node, ast.Attribute):
            why = unsafe_name(ast.unparse(node))
        elif isinstance(node, ast.Call):
            why = unsafe_call(node)
        if why:
            found.append(f"{getattr(node, 'lineno', 0)}: {why}")
    return found


def unsafe_import(node: ast.AST) -> str:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
        names += [f"{node.module}.{alias.name}" for alias in node.names]
    for name in names:
        if name.split(".")[0] in UNPICKLERS:
            return f"{name} executes what it reads"
        if name in {"torch.load", "yaml.load", *SHELLS}:
            return f"call {name} by its full name, so that this scan can judge it"
        if why := unsafe_name(name):
            return why
    return ""


def unsafe_name(name: str) -> str:
    if name.startswith("pickle.") and name not in PICKLE_ERRORS:
        return f"{name} executes what it reads"
    return ""


def unsafe_call(call: ast.Call) -> str:
    name = ast.unparse(call.func)
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in {"eval", "exec", "builtins.eval", "builtins.exec"}:
        return f"{name} executes text"
    if name in SHELLS or options.get("shell", "False") != "False":
        return f"{name} hands text to a shell"
    if name.split(".")[0] == "torch" and name.endswith("load"):
        return "" if options.get("weights_only") == "True" else f"{name} needs weights_only=True"
    if name.split(".")[0] in {"yaml", "ruamel"} and "load" in name and ".safe_load" not in name:
        return f"{name} builds any object: use yaml.safe_load"
    if name.split(".")[-1] == "load" and options.get("allow_pickle", "False") != "False":
        return f"{name} with allow_pickle executes what it reads"
    return ""


@pytest.mark.parametrize("file", [pytest.param(f, id=str(f.relative_to(ROOT))) for f in SOURCES])
def test_d8_l2_a_source_file_has_no_unsafe_call(file: Path) -> None:
    assert not unsafe_calls(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "from torch import load",
        "torch.jit.load(path)",
        "import pickle\npickle.loads(data)",
        "from pickle import loads",
        "import dill",
        "eval(text)",
        "exec(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=flag)",
        "os.system(text)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_d8_l2_an_unsafe_call_is_found(text: str) -> None:
    assert unsafe_calls(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "torch.load(path, map_location='cpu', weights_only=True)",
        "model.eval()",
        "yaml.safe_load(text)",
        "subprocess.run(['ls', '-l'], check=True)",
        "numpy.load(path)",
        "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass",
    ],
)
def test_d8_l2_a_safe_call_passes(text: str) -> None:
    assert not unsafe_calls(text)
