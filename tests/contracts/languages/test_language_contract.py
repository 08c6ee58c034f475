"""What every language must do: read a signature, tell its needs, and start a job whose result comes back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidemill.languages import LANGUAGES, PROGRAM_LANGUAGES, load_program_language
from tidemill.languages.port import Environment, Launch, ProgramLanguage, Workshop
from tidemill.model import script
from tidemill.model.errors import BadRequest, InvalidScript
from tidemill.sandbox.port import Exit, Program, PythonCall
from tidemill.sandbox.process import ProcessSandbox


@dataclass(frozen=True)
class Sample:
    """A program of each language that takes `name` (required) and `greeting` ("hello") and results in a greeting."""

    program: str
    echo: str
    """Results in its argument `value`, unchanged."""
    failing: str
    prints: bool = True
    """The program says `noise` besides."""


SAMPLES = {
    "python3": Sample(
        program="def main(name: str, greeting: str = 'hello'):\n    print('noise')\n    return f'{greeting} {name}'\n",
        echo="def main(value):\n    return value\n",
        failing="def main():\n    raise ValueError('no')\n",
    ),
    "bash": Sample(
        program='name="$1"\ngreeting="${2:-hello}"\necho noise\necho noise >&2\necho "$greeting $name"\necho end >&2\n',
        echo='value="$1"\nprintf %s "$value"\n',
        failing="echo before\nexit 3\n",
    ),
    "duckdb": Sample(
        program="-- $name (text)\n-- $greeting (text) = hello\n-- result_collection=last_statement_first_row_scalar\n"
        "select $greeting || ' ' || $name",
        echo="-- $value (text)\n-- result_collection=last_statement_first_row_scalar\nselect $value",
        failing="select error('no')",
        prints=False,
    ),
}


@pytest.fixture(params=sorted(PROGRAM_LANGUAGES))
def language(request: pytest.FixtureRequest) -> ProgramLanguage:
    return load_program_language(request.param)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The directory of one job, which is made for it."""
    return tmp_path / "work"


async def nothing(path: str) -> str | None:
    return None


async def start(
    language: ProgramLanguage,
    content: str,
    args: Mapping[str, Any] | bytes,
    *,
    workshop: Workshop,
    directory: Path,
    path: str = "",
    scripts: Mapping[str, str] | None = None,
) -> tuple[int | None, str, bytes | None]:
    """Everything that a worker does for a job, without a sandbox: exit code, output, result."""

    async def read(other: str) -> str | None:
        return (scripts or {}).get(other)

    needs = await language.requirements(content, path=path, read=read)
    environment = await language.prepare(await language.lock(needs, workshop=workshop), workshop=workshop)
    raw = args if isinstance(args, bytes) else json.dumps(args).encode()
    launch = language.launch(
        content,
        path=path,
        signature=language.signature(content),
        args=raw,
        modules=needs.modules,
        environment=environment,
        resources={},
        contextual={},
    )
    ended, output = await run(launch, environment, directory=directory)
    return ended.code, output, language.result(ended.files) if ended.code == 0 else None


async def run(launch: Launch, environment: Environment | None, *, directory: Path) -> tuple[Exit, str]:
    """Start the files of `launch` in `directory` as plain processes: its exit and output."""
    call = None
    if not launch.argv:
        assert environment is not None
        call = PythonCall(interpreter=environment.python, paths=tuple(map(str, environment.site_dirs)))
    sandbox = ProcessSandbox(state_dir=directory.parent / "sandbox", self_kill_s=0)
    try:
        program = Program(
            argv=launch.argv,
            work=directory,
            files=launch.files,
            results=launch.result_files,
            env={"PATH": "/usr/bin:/bin"},
            python=call,
        )
        running = await sandbox.start(program)
        output = b"".join([chunk async for chunk in running.output])
        return await running.wait(), output.decode()
    finally:
        await sandbox.close()


def test_table_and_wire_names_agree(language: ProgramLanguage) -> None:
    assert set(LANGUAGES) == set(script.Language)
    assert set(PROGRAM_LANGUAGES) == set(SAMPLES)
    assert language.name in PROGRAM_LANGUAGES
    assert language.file_extension.startswith(".")


def test_unknown_language_is_refused() -> None:
    with pytest.raises(BadRequest, match="bash, duckdb, python3"):
        load_program_language("cobol")


def test_signature_names_parameters_in_order_with_defaults(language: ProgramLanguage) -> None:
    schema = language.signature(SAMPLES[language.name].program).schema()
    assert schema["order"] == ["name", "greeting"]
    assert schema["required"] == ["name"]
    assert schema["properties"] == {
        "name": {"type": "string", "description": ""},
        "greeting": {"type": "string", "description": "", "default": "hello"},
    }


def test_source_with_a_nul_is_refused(language: ProgramLanguage) -> None:
    with pytest.raises(InvalidScript):
        language.signature("x=1\n\0")


async def test_program_without_packages_runs_offline(language: ProgramLanguage, offline: Workshop, work: Path) -> None:
    exit_code, output, result = await start(
        language,
        SAMPLES[language.name].program,
        {"name": "Ada", "unknown": 1},
        workshop=offline,
        directory=work,
    )
    assert (exit_code, result) == (0, b'"hello Ada"'), output
    assert ("noise" in output) == SAMPLES[language.name].prints


@pytest.mark.parametrize(
    "value", ["", "a b", "é\n\nx", "$(id) `id` \"'\\ *", "-n", "--", "null", "true", "12", " padded\t", "☃" * 1000]
)
async def test_text_arrives_as_it_was_given(
    value: str, language: ProgramLanguage, offline: Workshop, work: Path
) -> None:
    _, _, result = await start(
        language, SAMPLES[language.name].echo, {"value": value}, workshop=offline, directory=work
    )
    assert result is not None
    expected = value if language.name != "bash" else value.rsplit("\n", maxsplit=1)[-1]
    assert json.loads(result) == expected


async def test_failing_program_has_its_own_exit_code(language: ProgramLanguage, offline: Workshop, work: Path) -> None:
    exit_code, _, result = await start(language, SAMPLES[language.name].failing, {}, workshop=offline, directory=work)
    assert exit_code == (3 if language.name == "bash" else 1)
    assert result is None


async def test_bash_result_file_wins_over_the_output(offline: Workshop, work: Path) -> None:
    content = "echo '{\"a\": 1.0}' > result.json\necho last"
    _, output, result = await start(load_program_language("bash"), content, {}, workshop=offline, directory=work)
    assert (output, result) == ("last\n", b'{"a": 1.0}\n')


async def test_bash_result_is_the_last_line_of_stdout_even_when_stderr_comes_later(
    offline: Workshop, work: Path
) -> None:
    content = 'for i in $(seq 2000); do echo "line $i"; done\nprintf "the end" \necho late >&2'
    exit_code, output, result = await start(
        load_program_language("bash"), content, {}, workshop=offline, directory=work
    )
    assert (exit_code, result) == (0, b'"the end"')
    assert len(output.splitlines()) >= 2000


async def test_bash_script_killed_by_a_signal_tells_which(offline: Workshop, work: Path) -> None:
    exit_code, _, _ = await start(load_program_language("bash"), "kill -9 $$", {}, workshop=offline, directory=work)
    assert exit_code == 128 + 9


async def test_python_scripts_of_the_workspace_are_imported_absolutely_and_relatively(
    offline: Workshop, work: Path
) -> None:
    scripts = {
        "f/team/tools": "from .deep.numbers import one\nfrom f.other.lib import two\ndef three(): return one + two\n",
        "f/team/deep/numbers": "one = 1\n",
        "f/other/lib": "two = 2\n",
        "u/bob/lib": "four = 4\n",
    }
    content = (
        "from . import tools\nfrom .tools import three\nimport u.bob.lib\n"
        "def main(): return [three(), tools.one, u.bob.lib.four]\n"
    )
    exit_code, output, result = await start(
        load_program_language("python3"),
        content,
        {},
        workshop=offline,
        directory=work,
        path="f/team/main",
        scripts=scripts,
    )
    assert (exit_code, result) == (0, b"[3,1,4]"), output


async def test_python_script_gets_the_packages_it_imports(workshop: Workshop, work: Path) -> None:
    content = "import idna, wmill\ndef main(): return [idna.__name__, wmill.__name__]\n"
    exit_code, output, result = await start(
        load_program_language("python3"), content, {}, workshop=workshop, directory=work
    )
    assert (exit_code, result) == (0, b'["idna","wmill"]'), output


async def test_python_values_that_json_has_no_form_for_arrive_as_declared(offline: Workshop, work: Path) -> None:
    content = (
        "import datetime as dt\n"
        "def main(a: bytes, b: dt.datetime, c: dt.date | None,\n"
        "         d: list[dt.time], e: int | None, f=dt.date(2020, 1, 2)):\n"
        "    return [a.decode(), b.tzinfo is not None, c.year, [t.hour for t in d], e, f.year]\n"
    )
    args = {"a": "aGk=", "b": "2024-01-02T03:04:05Z", "c": "2023-05-06", "d": ["07:08:09"], "f": "<function call>"}
    exit_code, output, result = await start(
        load_program_language("python3"), content, args, workshop=offline, directory=work
    )
    assert (exit_code, result) == (0, b'["hi",true,2023,[7],null,2020]'), output
