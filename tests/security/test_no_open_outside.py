"""C05: whatever key or name a request brings, the server opens nothing but its own files. strace tells."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running import ROOT, WAIT_TIMEOUT_S, Tidemill, running
from tests.processes import need_strace

WORD = "word-of-the-outside"
KEYS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\..\\etc\\passwd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "/./etc/./passwd",
    "u/admin/../../../../etc/passwd",
    "file:///etc/passwd",
    "~/.bashrc",
    "/proc/self/environ",
    "/dev/zero",
    "CON",
    "../data-secret/secret",
    "\ufeff../etc/passwd",
    "u/admin/link/secret",
    "a" * 1000 + "/../../etc/passwd",
]
MACHINE = re.compile(
    r"/dev/urandom|/proc/(self|\d+)/(mountinfo|cgroup)|/sys/devices/system/cpu/online"
    r"|/sys/fs/cgroup/cpu(/cpu\.cfs_(period|quota)_us)?"
)
"""What libraries ask about the machine when they are first used: randomness, and how many processors they may have."""
CALL = re.compile(r'^\d+ +\w+\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', re.MULTILINE)
"""A system call with a path: the folder that it is relative to, and the path."""


@pytest.fixture(scope="module")
def tidemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidemill]:
    folder = tmp_path_factory.mktemp("traversal")
    beside = folder / "data-secret"  # begins as the folder of the data does
    beside.mkdir()
    (beside / "secret").write_text(WORD)
    with running(folder / "data") as started:
        yield started


@contextmanager
def traced(process: int, file: Path) -> Iterator[None]:
    """What the process and its children do with files is written down, during the block."""
    need_strace()
    command = ["strace", "-f", "-y", "-p", str(process), "-s", "4096", "-e", "trace=%file", "-o", str(file)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    try:
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


def reached(trace: str) -> set[Path]:
    """The paths that were named to the system."""
    found = set()
    for folder, path in CALL.findall(trace):
        plain = path.encode("latin-1", "replace").decode("unicode_escape")
        found.add(Path(os.path.normpath(Path(folder or "/", plain))))
    return found


def try_all(tidemill: Tidemill, key: str) -> None:
    """Each route that ends in an object, with a key (and a name of a file) that wants out."""
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    at = {"file_key": key}
    with httpx.Client(base_url=f"{tidemill.api}/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        put = http.post("job_helpers/upload_s3_file", params=at, content=b"own")
        assert put.status_code in {200, 400}, put.text
        answers = [
            http.get("job_helpers/load_file_metadata", params=at),
            http.get("job_helpers/load_file_preview", params=at),
            http.get("job_helpers/describe_object", params=at),
            http.get("job_helpers/preview_table/x", params={"storage": key}),
            http.get("job_helpers/download_s3_file", params={"file_key": "x", "storage": key}),
            http.get("job_helpers/download_s3_file", params={"file_key": "x", "s3_resource_path": key}),
            http.get("job_helpers/list_stored_files", params={"prefix": key, "max_keys": 10}),
            http.get("job_helpers/list_stored_files_paged", params={"prefix": key}),
            http.get("job_helpers/check_s3_folder_exists", params=at),
            http.get("job_helpers/move_s3_file", params={"src_file_key": key, "dest_file_key": f"{key}.moved"}),
            http.get("job_helpers/move_s3_file", params={"src_file_key": f"{key}.moved", "dest_file_key": key}),
            http.post("job_helpers/copy_s3_file", json={"src_file_key": key, "dest_file_key": f"{key}.copy"}),
            http.post("apps/sign_s3_objects", json={"s3_objects": [{"s3": key}]}),
            http.post("object_uploads/start", params=at),
            http.post("jobs/run/p/f/demo/watch_scripts", files={"a": (key, b"own")}),
            http.post(
                "workspaces/edit_large_file_storage_config",
                json={"large_file_storage": {"type": "FilesystemStorage", "root_path": key}},
            ),
        ]
        got = http.get("job_helpers/download_s3_file", params=at)
        assert put.status_code == 400 or got.content == b"own"
        answers += [got, http.delete("job_helpers/delete_s3_file", params=at)]
    for answer in answers:
        assert answer.status_code < 500, (answer.url, answer.text)
        assert WORD not in answer.text
        assert "root:" not in answer.text


def try_s3(tidemill: Tidemill, key: str) -> None:
    """The same at the S3 endpoint."""
    client = tidemill.s3_client()
    at = {"Bucket": "_default_", "Key": key}
    client.put_object(**at, Body=b"own")
    assert client.get_object(**at)["Body"].read() == b"own"
    client.copy_object(Bucket="_default_", Key=f"{key}.copy", CopySource=at)
    client.list_objects_v2(Bucket="_default_", Prefix=key)


def test_nothing_outside_is_opened(tidemill: Tidemill, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with traced(tidemill.process.pid, trace):
        for key in KEYS:
            try_all(tidemill, key)
            try_s3(tidemill, key)
    paths = reached(trace.read_text(errors="replace"))
    assert any(path.is_relative_to(tidemill.data_dir / "storage") for path in paths)
    strangers = [str(path) for path in sorted(paths) if not is_own(path, tidemill.data_dir)]
    assert not strangers, "\n".join(strangers)


def is_own(path: Path, data_dir: Path) -> bool:
    """Whether it is of the data, of Python and its libraries, or one of a few that say how this machine is."""
    roots = (data_dir, ROOT / "tidemill", Path(sys.prefix), Path(sys.base_prefix))
    is_below = any(path.is_relative_to(root) for root in roots)
    return is_below or path in data_dir.parents or MACHINE.fullmatch(str(path)) is not None
