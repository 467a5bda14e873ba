"""The stub says what the module has, the package's types are sound, and every example of docs/python.md runs."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import daybook
from daybook import _core

ROOT = Path(__file__).resolve().parents[2]


def stub_functions(body, prefix=""):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from stub_functions(node.body, node.name + ".")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.AnnAssign):
            yield prefix + node.target.id, node


def bound_arguments(function):
    """The names of a C++ function's arguments, as pybind11 writes them at the head of its documentation."""
    depth, names, word = 0, [], ""
    signature = re.match(r"\w+\((.*)\) -> ", function.__doc__.splitlines()[0])[1]
    for letter in signature + ",":
        depth += (letter in "[(") - (letter in ")]")
        if letter == "," and depth == 0:
            names.append(word.partition(":")[0].strip())
            word = ""
        else:
            word += letter
    return [name for name in names if name not in ("", "self")]


def test_stub():
    tree = ast.parse((ROOT / "python" / "daybook" / "_core.pyi").read_text())
    stubbed = {}
    for name, node in stub_functions(tree.body):
        stubbed[name] = node
        where = _core
        for part in name.split("."):
            assert hasattr(where, part), f"the stub's {name} is not in the module"
            where = getattr(where, part)
        if isinstance(node, ast.FunctionDef) and callable(where) and not node.name.startswith("__"):
            arguments = [argument.arg for argument in node.args.args if argument.arg != "self"]
            found = [name for name in bound_arguments(where) if not re.fullmatch(r"arg\d+", name)]
            assert arguments == found, f"{name}({', '.join(found)}) is {name}({', '.join(arguments)}) in the stub"
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in dir(_core):
        if name.startswith("__"):
            continue
        assert name in stubbed or name in classes, f"{name} is not in the stub"
        thing = getattr(_core, name)
        if isinstance(thing, type) and not issubclass(thing, BaseException):
            for member in vars(thing):
                if not member.startswith("_"):
                    assert f"{name}.{member}" in stubbed, f"{name}.{member} is not in the stub"


def test_types(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}",
                           *map(str, sorted((ROOT / "python" / "daybook").glob("_*.py")))], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_public_is_documented():
    for name in daybook.__all__:
        thing = getattr(daybook, name)
        if name == "__version__":
            continue
        assert thing.__doc__, f"daybook.{name} has no docstring"
        if isinstance(thing, type):
            for member, value in vars(thing).items():
                if callable(value) and not member.startswith("_") and name in ("Journal", "Run", "Layout", "Plan", "Node"):
                    assert value.__doc__, f"daybook.{name}.{member} has no docstring"


def test_examples(tmp_path):
    """Each block of docs/python.md, in order, in one folder; what a block prints is what the page says."""
    text = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"^```(python|text)\n(.*?)^```", text, re.S | re.M)
    assert len([kind for kind, _ in blocks if kind == "python"]) >= 8
    program, expected = "", []
    for kind, block in blocks:
        if kind == "python":
            program += block + "print('-- end of block --', flush=True)\n"
            expected.append("")
        else:
            expected[-1] = block
    (tmp_path / "page.py").write_text(program)
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split("-- end of block --\n")[:-1]
    for i, (said, was) in enumerate(zip(expected, printed)):
        assert was == said, f"block {i + 1} prints {was!r}, and the page says {said!r}"
