"""Amazon's own command on the S3 endpoint of `tidemill up`: copying, synchronizing, listing, links, buckets."""

import json
import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running import VENVS, Tidemill

MIB = 1024 * 1024
AT = "s3://_default_/f/aws-cli"
Aws = Callable[..., str]


class Refused(Exception):
    """What the command said as it failed."""


@pytest.fixture(scope="module")
def aws(tidemill: Tidemill, tmp_path_factory: pytest.TempPathFactory) -> Aws:
    """Runs the command; gives what it prints."""
    program, home = VENVS / "aws-cli" / "bin" / "aws", tmp_path_factory.mktemp("home")
    assert program.exists(), f"{program} is missing: run python tests/prepare.py"
    (home / "config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")  # for links; else that is 2
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_ENDPOINT_URL_S3": tidemill.s3["endpoint"],
        "AWS_ACCESS_KEY_ID": tidemill.s3["access_key"],
        "AWS_SECRET_ACCESS_KEY": tidemill.s3["secret_key"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }

    def run(*arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            [str(program), *arguments], env=environment, input=stdin, capture_output=True, timeout=300, check=False
        )
        if done.returncode:
            raise Refused(done.stderr.decode())
        return done.stdout.decode()

    return run


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_copied_there_and_back(aws: Aws, tmp_path: Path) -> None:
    """One of many parts, and one whose name needs every kind of escaping."""
    content = os.urandom(20 * MIB + 7)
    (tmp_path / "large").write_bytes(content)
    odd = f"{AT}/cp/a b+c%20ü'(1)&=.txt"
    aws("s3", "cp", str(tmp_path / "large"), f"{AT}/cp/large", "--no-progress")
    aws("s3", "cp", "-", odd, "--content-type", "text/x-odd", stdin=b"odd")
    aws("s3", "cp", f"{AT}/cp/large", str(tmp_path / "back"), "--no-progress")
    assert sha256((tmp_path / "back").read_bytes()).digest() == sha256(content).digest()
    assert aws("s3", "cp", odd, "-") == "odd"
    aws("s3", "mv", odd, f"{AT}/cp/moved")
    head = json.loads(aws("s3api", "head-object", "--bucket", "_default_", "--key", "f/aws-cli/cp/moved"))
    assert (head["ContentType"], head["ContentLength"]) == ("text/x-odd", 3)
    with pytest.raises(Refused, match="404"):
        aws("s3", "cp", odd, "-")


def test_folders_are_synchronized(aws: Aws, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    for number in range(25):
        path = source / f"{number % 3}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {number}")
    assert aws("s3", "sync", str(source), f"{AT}/sync").count("upload:") == 25
    assert aws("s3", "sync", str(source), f"{AT}/sync") == ""
    (source / "0" / "0.txt").unlink()
    (source / "1" / "1.txt").write_text("longer than it was before")
    said = aws("s3", "sync", str(source), f"{AT}/sync", "--delete")
    assert (said.count("upload:"), said.count("delete:")) == (1, 1)
    aws("s3", "sync", f"{AT}/sync", str(back))
    assert tree(back) == tree(source)


def test_listings(aws: Aws) -> None:
    for key in ("x", "a/y", "a/b/z"):
        aws("s3", "cp", "-", f"{AT}/ls/{key}", stdin=key.encode())
    shown = [line.split()[-2:] for line in aws("s3", "ls", f"{AT}/ls/").splitlines()]
    assert shown == [["PRE", "a/"], ["1", "x"]]
    deep = aws("s3", "ls", f"{AT}/ls/", "--recursive", "--summarize").splitlines()
    assert [line.split()[-1] for line in deep[:3]] == [f"f/aws-cli/ls/{key}" for key in ("a/b/z", "a/y", "x")]
    assert [line.strip() for line in deep[-2:]] == ["Total Objects: 3", "Total Size: 9"]
    aws("s3", "rm", f"{AT}/ls/", "--recursive")
    with pytest.raises(Refused):  # as it says that nothing was found
        aws("s3", "ls", f"{AT}/ls/")


def test_links(aws: Aws) -> None:
    aws("s3", "cp", "-", f"{AT}/link", stdin=b"shared")
    url = aws("s3", "presign", f"{AT}/link", "--expires-in", "60").strip()
    assert httpx.get(url).content == b"shared"
    assert httpx.get(url.replace("/link?", "/linked?")).status_code == 403


def test_buckets_are_storages(aws: Aws) -> None:
    aws("s3", "mb", "s3://by-aws-cli")
    try:
        assert "by-aws-cli" in [line.split()[-1] for line in aws("s3", "ls").splitlines()]
        aws("s3", "cp", "-", "s3://by-aws-cli/a", stdin=b"a")
        with pytest.raises(Refused, match="BucketNotEmpty"):
            aws("s3", "rb", "s3://by-aws-cli")
    finally:
        aws("s3", "rb", "s3://by-aws-cli", "--force")
    with pytest.raises(Refused, match="NoSuchBucket"):
        aws("s3", "ls", "s3://by-aws-cli")
    with pytest.raises(Refused, match="NoSuchBucket"):
        aws("s3", "cp", "-", "s3://by-aws-cli/a", stdin=b"a")


def test_metadata_and_conditions(aws: Aws) -> None:
    place = ("--bucket", "_default_", "--key", "f/aws-cli/noted")
    aws("s3api", "put-object", *place, "--metadata", "colour=blue", "--tagging", "team=mill")
    assert json.loads(aws("s3api", "head-object", *place))["Metadata"] == {"colour": "blue"}
    tags = json.loads(aws("s3api", "get-object-tagging", *place))["TagSet"]
    assert tags == [{"Key": "team", "Value": "mill"}]
    with pytest.raises(Refused, match="PreconditionFailed"):
        aws("s3api", "put-object", *place, "--if-none-match", "*")
