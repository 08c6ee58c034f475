"""What every sandbox promises: output, exits, kills, Python jobs."""

import asyncio
import json
import os
import signal

import pytest

from tests.contracts.sandbox.conftest import MIB, finish
from tidemill.model.errors import TooLarge
from tidemill.sandbox.port import ExitReason
from tidemill.sandbox.process import ProcessSandbox


async def test_output_of_both_streams_comes_in_order(any_run) -> None:
    ran = await any_run.shell("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    assert ran.text == "".join(f"out {i}\nerr {i}\n" for i in (1, 2, 3))
    assert ran.exit.reason is ExitReason.FINISHED
    assert ran.exit.code == 0


async def test_environment_is_the_given_one_only(any_run) -> None:
    ran = await any_run("/usr/bin/env", env={"A": "1", "B": "two words\nand a line"})
    kept = [line for line in ran.text.splitlines() if not line.startswith(("_TIDEMILL_PROGRAM=", "PWD="))]
    assert kept == ["A=1", "B=two words", "and a line"]


async def test_exit_code_and_signal_are_told(any_run) -> None:
    assert (await any_run.shell("exit 7")).exit.code == 7
    ended = (await any_run.shell("kill -TERM $$")).exit
    assert (ended.code, ended.signal, ended.reason) == (None, signal.SIGTERM, ExitReason.FINISHED)


async def test_program_that_is_not_there_is_an_error(any_run) -> None:
    if isinstance(any_run.sandbox, ProcessSandbox):
        with pytest.raises(FileNotFoundError):
            await any_run("/does/not/exist")
        return
    ran = await any_run("/does/not/exist")
    assert ran.exit.code == 1
    assert "No such file" in ran.text


async def test_files_of_the_work_directory_are_kept(any_run) -> None:
    work = any_run.work()
    (work / "in.txt").write_text("given")
    ran = await any_run.shell("tr a-z A-Z < in.txt > out.txt; pwd", work=work)
    assert (work / "out.txt").read_text() == "GIVEN"
    assert ran.exit.code == 0


async def test_slow_reader_stops_the_program_and_loses_nothing(any_run) -> None:
    """1 GB would take as little memory: what is not read stays unwritten."""
    running, _ = await any_run.start("/bin/sh", "-c", "yes 0123456789abcdef | head -c 20000000; echo done > finished")
    output = running.output
    first = await anext(output)
    assert len(first) <= 64 * 1024
    size = len(first)
    async for piece in output:
        assert len(piece) <= 64 * 1024
        size += len(piece)
    assert size == 20_000_000
    assert (await running.wait()).code == 0


async def test_unread_output_blocks_the_program(any_run) -> None:
    running, work = await any_run.start("/bin/sh", "-c", "head -c 1000000 /dev/zero; echo done > finished")
    first = await anext(running.output)
    assert first
    assert not (work / "finished").exists()
    await running.kill("test")
    assert (await running.wait()).reason is ExitReason.KILLED


async def test_kill_ends_grandchildren_in_other_sessions(any_run) -> None:
    script = "setsid sleep 1000 & (setsid sh -c 'trap \"\" TERM; sleep 1000' &); trap '' TERM; echo up; wait"
    running, _ = await any_run.start("/bin/sh", "-c", script)
    output = running.output
    assert await anext(output) == b"up\n"
    await running.kill("cancelled by u/alice")
    ended = await running.wait()
    assert (ended.reason, ended.message) == (ExitReason.KILLED, "cancelled by u/alice")
    assert [piece async for piece in output] == []  # the pipe is closed: nobody holds it any more


async def test_what_is_left_running_ends_with_the_program(any_run) -> None:
    """The output ends only when nobody holds the pipe, and the sleeper does."""
    ran = await any_run.shell("setsid sleep 1000 & echo up; exit 0")
    assert (ran.text, ran.exit.code) == ("up\n", 0)


async def test_waiting_can_be_repeated_and_cancelled(any_run) -> None:
    running, _ = await any_run.start("/bin/sh", "-c", "sleep 1000")
    waiting = asyncio.create_task(running.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await running.kill("enough")
    assert (await running.wait()) == (await running.wait())


async def test_many_programs_run_at_once(any_run) -> None:
    ran = await asyncio.gather(*(any_run.shell(f"echo {n}; exit {n}") for n in range(12)))
    assert [(each.text, each.exit.code) for each in ran] == [(f"{n}\n", n) for n in range(12)]


async def test_large_environment_and_arguments_arrive(any_run) -> None:
    value = "x" * 100_000
    ran = await any_run.shell("echo ${#A} ${#B} ${#C}", env={"A": value, "B": value, "C": value})
    assert ran.text == "100000 100000 100000\n"


async def test_lost_watchdog_ends_its_programs_and_is_replaced(any_run) -> None:
    running, _ = await any_run.start("/bin/sh", "-c", "echo up; sleep 1000")
    await anext(running.output)
    os.kill(any_run.sandbox.watchdog_pid, signal.SIGKILL)
    assert (await running.wait()).reason is ExitReason.LOST
    assert (await any_run.shell("echo again")).text == "again\n"


async def test_no_descriptor_of_the_worker_reaches_a_program(any_run) -> None:
    ran = await any_run("/bin/ls", "-1", "/proc/self/fd")
    assert ran.text.split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


async def test_python_job_returns_its_result(any_run) -> None:
    ran = await any_run.python(
        "def main(x, y=2):\n    print('hello')\n    return {'sum': x + y}\n", {"x": 1, "extra": 0}
    )
    assert (ran.text, ran.result) == ("hello\n", {"sum": 3})


async def test_python_error_has_name_message_and_the_users_stack(any_run) -> None:
    ran = await any_run.python("def helper():\n    raise KeyError('k')\ndef main():\n    helper()\n")
    assert ran.exit.code == 1
    assert (ran.error["name"], ran.error["message"]) == ("KeyError", "'k'")
    assert ran.error["stack"].count("File ") == 2
    assert "tidemill" not in ran.error["stack"]


async def test_python_function_name_is_data(any_run) -> None:
    pwned = any_run.home / "pwned"
    name = f"main(); import os; os.system('touch {pwned}'); main"
    ran = await any_run.python("def main(): return 1\n", call={"function": name})
    assert ran.error == {"name": "InvalidCall", "message": f"The script has no function {name!r}.", "stack": ""}
    assert not pwned.exists()


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("import sys\ndef main(): sys.exit(0)", None),
        ("async def main(): return 5", 5),
        ("def main(**kw): return kw", {"a": 1}),
        ("def main(a, /, b=3): return [a, b]", [1, 3]),
        ("def main(a, *rest, k=4, **kw): return [a, rest, k, kw]", [1, [], 4, {}]),
        ("def main(*, a, z=1): local = 5; return [a, z]", [1, 1]),
        ("import functools\n@functools.cache\ndef main(a): return a", 1),
        ("class C:\n def run(self, a, b=7): return [a, b]\nmain = C().run", [1, 7]),
        ("class main(dict):\n def __init__(self, a): super().__init__(a=a)", {"a": 1}),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n x: int\ndef main(): return P(1)", {"x": 1}),
        ("import threading\ndef main(): threading.Thread(target=print, args=(1,)).start(); return 2", 2),
    ],
)
async def test_python_shapes_of_main(any_run, source: str, result: object) -> None:
    assert (await any_run.python(source, {"a": 1})).result == result


async def test_python_missing_argument_is_named(any_run) -> None:
    ran = await any_run.python("def main(a, b): pass", {"a": 1})
    assert ran.error["message"] == "main() needs the argument 'b', which was not given."


async def test_python_exit_with_a_code_is_an_error(any_run) -> None:
    ran = await any_run.python("import sys\ndef main(): sys.exit(3)")
    assert (ran.exit.code, ran.error["name"]) == (3, "SystemExit")


async def test_python_stream_is_printed_and_joined(any_run) -> None:
    ran = await any_run.python("def main():\n    yield 'a\\nb'\n    yield 'c'\n")
    assert (ran.text, ran.result) == ("WM_STREAM: a\\nb\nWM_STREAM: c\n", "a\nbc")


async def test_python_arguments_are_coerced(any_run) -> None:
    source = "def main(when, day, raw, raws): return [str(type(x)) for x in (when, day, raw, raws[0])] + [raw.decode()]"
    args = {"when": "2026-01-02T03:04:05Z", "day": "2026-01-02", "raw": "aGk=", "raws": ["aGk="]}
    kinds = [["when", "datetime"], ["day", "date"], ["raw", "bytes_base64"], ["raws", "list:bytes_base64"]]
    ran = await any_run.python(source, args, call={"coerce": kinds})
    classes = ["datetime.datetime", "datetime.date", "bytes", "bytes"]
    assert ran.result == [*(f"<class '{name}'>" for name in classes), "hi"]
    assert (await any_run.python(source, args | {"day": "x"}, call={"coerce": kinds})).error["name"] == "InvalidCall"


@pytest.mark.parametrize("identity", ["", "demo/u/alice"])
async def test_python_relative_imports_and_preprocessor(any_run, identity: str) -> None:
    script = (
        "from .helper import twice\nfrom f.lib.helper import twice as same\n"
        "def preprocessor(event): return {'x': event['n']}\ndef main(x): return [twice(x), same is twice]\n"
    )
    call = {"file": "f/lib/script.py", "module": "f.lib.script", "preprocessor": "preprocessor"}
    files = {
        "f/lib/helper.py": b"def twice(x): return 2 * x\n",
        "f/lib/script.py": script.encode(),
        "call.json": json.dumps(call).encode(),
        "args.json": b'{"event": {"n": 21}}',
    }
    ran = await any_run.python_files(files, identity=identity)
    assert ran.result == [42, True]


@pytest.mark.parametrize("identity", ["", "demo/u/alice"])
async def test_python_script_finds_itself_as_a_file(any_run, identity: str) -> None:
    source = (
        "import inspect, json, os, sys\n"
        "def main():\n    me = sys.modules[main.__module__]\n"
        "    return [open(__file__).read() == inspect.getsource(me), __spec__.origin == __file__, __package__,\n"
        "            __spec__.loader.get_filename(__name__) == __file__, os.path.basename(__file__)]\n"
    )
    assert (await any_run.python(source, identity=identity)).result == [True, True, "", True, "main.py"]


async def test_files_are_given_and_results_taken_and_nothing_stays(any_run) -> None:
    files = {"in.txt": b"given", "deep/er/in.txt": b"too"}
    script = "cat in.txt deep/er/in.txt > out.txt; ln -s /etc/passwd link; mkfifo pipe; touch other"
    running, work = await any_run.start_files(files, "/bin/sh", "-c", script, results=("out.txt", "link", "pipe", "no"))
    ran = await finish(running, work)
    assert dict(ran.exit.files) == {"out.txt": b"giventoo"}
    assert not work.exists()


@pytest.mark.parametrize("identity", ["", "demo/u/alice"])
async def test_result_over_the_limit_is_refused(any_run, identity: str) -> None:
    source = "def main(n): return 'x' * n"
    changes = {"max_result_bytes": 100, "identity": identity}
    assert (await any_run.python(source, {"n": 98}, **changes)).result == "x" * 98
    with pytest.raises(TooLarge, match="has 101 bytes, more than the 100"):
        await any_run.python(source, {"n": 99}, **changes)


@pytest.mark.parametrize("identity", ["", "demo/u/alice"])
async def test_large_arguments_and_results_arrive_whole(any_run, identity: str) -> None:
    text = "ab\n\u20ac\0" * 1_000_000
    changes = {"max_result_bytes": 100 * MIB, "identity": identity}
    assert (await any_run.python("def main(t): return t", {"t": text}, **changes)).result == text
