"""What a Python job finds in its directory, and which arguments its function is given."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidemill.languages.port import Environment, Launch
from tidemill.languages.python import Python
from tidemill.model.errors import InvalidScript

ENVIRONMENT = Environment(path=Path("/e"), python=Path("/p"), site_dirs=(Path("/e/site"), Path("/base")))


def launch(content: str, args: bytes = b"{}", *, path: str = "", entry: str = "main", **modules: str) -> Launch:
    python = Python()
    return python.launch(
        content,
        path=path,
        signature=python.signature(content, entry=entry),
        args=args,
        modules={name.replace("__", "/"): text for name, text in modules.items()},
        environment=ENVIRONMENT,
        resources={},
        contextual={},
    )


def call(found: Launch) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(found.files["call.json"])
    return content


def test_call_names_file_function_and_coercions() -> None:
    found = launch("import datetime\ndef main(a: bytes, b: datetime.date = None): ...", b'{"a":"aGk="}')
    assert call(found) == {
        "file": "main.py",
        "module": "main",
        "function": "main",
        "coerce": [["a", "bytes_base64"], ["b", "date"]],
    }
    assert found.argv == ()
    assert found.result_files == ("result.json",)


@pytest.mark.parametrize(
    ("path", "file", "module"),
    [
        ("f/folder/script", "f/folder/script.py", "f.folder.script"),
        ("u/bob/deep/er/x", "u/bob/deep/er/x.py", "u.bob.deep.er.x"),
        ("f/folder/v1.2 final", "f/folder/v1_2 final.py", "f.folder.v1_2 final"),
    ],
)
def test_script_lies_where_relative_imports_find_its_neighbours(path: str, file: str, module: str) -> None:
    found = launch("def main(): ...", path=path, f__folder__other="x = 1")
    assert (call(found)["file"], call(found)["module"]) == (file, module)
    assert found.files[file] == b"def main(): ..."
    assert found.files["f/folder/other.py"] == b"x = 1"


@pytest.mark.parametrize(
    ("parameters", "args", "passed"),
    [
        ("a, b=1", b'{"a": 1.0, "b": [ 1,2 ]}', b'{"a":1.0,"b":[ 1,2 ]}'),
        ("a", b'{"a": 12345678901234567890.000, "extra": 1}', b'{"a":12345678901234567890.000}'),
        ("a, **rest", b'{"a":1,"extra":{"x":1e400}}', b'{"a":1,"extra":{"x":1e400}}'),
        ("a", b"{}", b"{}"),
        ("a: int | None", b"{}", b'{"a":null}'),
        ("a: int | None = 3", b"{}", b"{}"),
        ("a=now()", b'{"a":"<function call>"}', b"{}"),
        ("a='x'", b'{"a":"<function call>"}', b'{"a":"<function call>"}'),
        ("a=now()", b'{"a":null}', b'{"a":null}'),
    ],
)
def test_arguments_are_passed_as_written_and_unknown_ones_left_out(parameters: str, args: bytes, passed: bytes) -> None:
    found = launch(f"def main({parameters}): ...", args).files["args.json"]
    assert found.replace(b" ", b"") == passed.replace(b" ", b"")


def test_library_script_cannot_be_run() -> None:
    with pytest.raises(InvalidScript, match="no function 'main'"):
        launch("def helper(): ...")


def test_preprocessor_is_called_by_its_name() -> None:
    found = launch("def main(a): ...\ndef preprocessor(event): ...", b'{"event":1}', entry="preprocessor")
    assert call(found)["function"] == "preprocessor"


def test_result_is_what_the_job_left() -> None:
    assert Python().result({"result.json": b"1.0"}) == b"1.0"
    assert Python().result({}) is None
