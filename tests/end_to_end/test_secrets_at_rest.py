"""No secret is ever written where it can be read: not in the database, files, logs, answers or command lines.

One `tidemill up` of its own. Texts that occur nowhere else (`wmtest_…`) are planted wherever a secret goes, jobs read
them and do with them what programs do by accident, and then everything that is left is searched for them, in the forms
in which programs write texts. The same search must find texts that are no secrets: else it would prove nothing.
"""

import base64
import contextlib
import json
import secrets
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ahocorasick
import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace, running
from tidemill.db.cluster import SUPERUSER
from tidemill.db.embedded import find_binaries
from tidemill.wiring.database import running_embedded
from tidemill.wiring.login_file import LOGIN

JOBS = 30
SAMPLES_PER_S = 50
PIECE = 8 * 1024 * 1024
END_OF_WELCOME = b"Ctrl-C stops it."
"""Up to here the first start tells on stderr how to sign in."""

SECRET, RESOURCE, PLAIN = "u/admin/secret", "u/admin/database", "u/admin/plain"

PYTHON = f"""
import base64, json, os, sys
from urllib.parse import quote

import wmill


def main(given: str, given_database: dict, how: str):
    token = os.environ["WM_TOKEN"]
    secret = wmill.get_variable("{SECRET}")
    password = wmill.get_resource("{RESOURCE}")["password"]
    texts = [given, given_database["password"], secret, password, token]
    for text in texts:
        print(text, "and", text.encode(), repr(text))
        print(json.dumps({{"text": text}}), json.dumps(json.dumps([text])))
        print(text.encode().hex(), text.encode().hex().upper(), quote(text, safe=""), file=sys.stderr)
        for lead in ("", "x", "xx"):
            print(base64.b64encode((lead + text + ":more").encode()).decode())
            print(base64.urlsafe_b64encode((lead + text + ":more").encode()).decode())
        print("WM_STREAM: " + text)
    if how == "raise":
        raise ValueError(f"cannot connect with {{password}}, {{secret}}, {{given}} and {{token}}")
    if how == "large":
        return [texts] * 5000
    if how == "token":
        return [ord(letter) + 1 for letter in token]
    return {{"texts": texts, secret: base64.b64encode(secret.encode()).decode()}}
"""

BASH = f"""
given="$1"
how="$2"
seen="$3"
secret=$(curl -sSf -H @<(printf 'Authorization: Bearer %s' "$WM_TOKEN") \\
  "$BASE_INTERNAL_URL/api/w/$WM_WORKSPACE/variables/get_value/{SECRET}")
[ "${{#secret}}" -gt 30 ] || exit 9
bash -c 'sleep 0.2; :' "$seen"
for text in "$given" "$secret" "$WM_TOKEN"; do
  echo "text: $text"
  base64 -w 0 <<< "$text"
  echo "{{\\"text\\": \\"$text\\"}}" >&2
done
set -x
: "$secret"
[ "$how" != raise ] || {{ echo "cannot connect with $secret and $given"; exit 3; }}
echo "$secret $given $WM_TOKEN"
"""

PRINTS = "def main(first: str, second: str):\n    print(first + second)\n"


# the search


def forms_of(secret: str) -> set[bytes]:
    """`secret` as programs write it. Of base64 only what `secret` alone decides, wherever it stands in the text."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), quote(secret, safe="").encode()}
    found |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode() for ascii_only in (True, False)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset, lead in ((0, 0), (1, 2), (2, 3)):
            whole = (offset + len(raw)) // 3 * 4
            found.add(encode(b"\0" * offset + raw)[lead:whole])
    return found | {secret[::-1].encode()}


class Search:
    """Which of the texts occur in what is fed, under the names that they have here."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._automaton = ahocorasick.Automaton()
        self._longest = 0
        for name, text in texts.items():
            for form in forms_of(text):
                self._automaton.add_word(form.decode("latin-1"), name)
                self._longest = max(self._longest, len(form))
        self._automaton.make_automaton()

    def names_in(self, pieces: Iterable[bytes]) -> set[str]:
        """The names of the texts in the bytes that the pieces make up together."""
        found: set[str] = set()
        end = b""
        for piece in pieces:
            whole = end + piece
            found.update(name for _, name in self._automaton.iter(whole.decode("latin-1")))
            end = whole[-self._longest :]
        return found


def canary(kind: str) -> str:
    """A text that is nowhere else."""
    return f"wmtest_{kind}_{secrets.token_hex(16)}"


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode(),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: base64.b64encode(f"{text}, more".encode()),
        lambda text: base64.b64encode(f"x{text}".encode()),
        lambda text: base64.b64encode(f"xx{text}yy".encode()),
        lambda text: base64.urlsafe_b64encode(f"??>{text}".encode()),
        lambda text: base64.urlsafe_b64encode(f"x{text}y".encode()),
        lambda text: base64.urlsafe_b64encode(f"xx{text}".encode()),
        lambda text: quote(text, safe="").encode(),
        lambda text: json.dumps({"a": text}).encode(),
        lambda text: json.dumps({"a": text}, ensure_ascii=False).encode(),
        lambda text: text[::-1].encode(),
    ],
)
@pytest.mark.parametrize("odd", ["", ' "ü>?~/\\\n+'])
def test_search_finds_a_text_in_all_its_forms_across_pieces(written: Any, odd: str) -> None:
    text = canary("form") + odd
    search = Search({"planted": text, "other": canary("other")})
    whole = b"before" * 50 + written(text) + b"after" * 50
    assert search.names_in([whole]) == {"planted"}
    assert search.names_in(whole[at : at + 7] for at in range(0, len(whole), 7)) == {"planted"}


def test_search_finds_nothing_where_a_character_is_wrong() -> None:
    text = canary("near")
    search = Search({"planted": text})
    wrong = text[:-3] + "xyz"
    assert not search.names_in(form for each in (wrong, text[1:-8]) for form in forms_of(each))


# what is searched


@dataclass
class Left:
    """What there is to read, by where it was found; and what was planted."""

    secret: dict[str, str] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)
    dump: bytes = b""
    answers: dict[str, bytes] = field(default_factory=dict)
    command_lines: set[bytes] = field(default_factory=set)
    log: bytes = b""
    login: bytes = b""
    files: list[Path] = field(default_factory=list)

    def places(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "dump", [self.dump]
        yield from ((f"answer of {route}", [text]) for route, text in self.answers.items())
        yield "log", [self.log]
        yield "command lines", [b"\n".join(sorted(self.command_lines))]
        yield from ((str(path), pieces_of(path)) for path in self.files)


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


@contextlib.contextmanager
def sampled_command_lines(into: set[bytes]) -> Iterator[None]:
    """Put the command line of each process that is seen during the block into the set."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(1 / SAMPLES_PER_S):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    with contextlib.suppress(OSError):  # it has just ended
                        into.add((entry / "cmdline").read_bytes())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def dumped(data_dir: Path) -> bytes:
    """All rows of all tables, as `pg_dump` tells them to the superuser, whom no policy hides any from."""
    parts = conninfo_to_dict(running_embedded(data_dir))
    password = json.loads((data_dir / "postgres" / "passwords.json").read_text())["superuser"]
    command = [
        str(find_binaries() / "pg_dump"),
        f"--host={parts['host']}",
        f"--port={parts['port']}",
        f"--username={SUPERUSER}",
        str(parts["dbname"]),
    ]
    done = subprocess.run(
        command, env={"PGPASSWORD": password, "LC_ALL": "C"}, capture_output=True, check=False, timeout=WAIT_TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def plant(workspace: Workspace, left: Left) -> httpx.Response:
    """Put texts wherever a secret can be written."""
    kinds = ("old_value", "value", "deleted", "of_resource", "password", "new_password")
    planted = left.secret = {kind: canary(kind) for kind in kinds}
    left.public = {kind: canary(kind) for kind in ("plain", "printed", "argument")}
    workspace.post("variables/create", {"path": SECRET, "value": planted["old_value"], "is_secret": True})
    workspace.post(f"variables/update/{SECRET}", {"value": planted["value"]})
    for path, name in (("u/admin/gone", "deleted"), (f"{RESOURCE}_password", "of_resource")):
        workspace.post("variables/create", {"path": path, "value": planted[name], "is_secret": True})
    workspace.http.delete("variables/delete/u/admin/gone").raise_for_status()
    workspace.post("variables/create", {"path": PLAIN, "value": left.public["plain"], "is_secret": False})
    value = {"host": "db", "password": f"$var:{RESOURCE}_password"}
    workspace.post("resources/create", {"path": RESOURCE, "resource_type": "postgresql", "value": value})
    workspace.post("../../users/create", {"email": "eve@example.org", "password": planted["password"]})
    workspace.post("../../users/set_password_of/eve@example.org", {"password": planted["new_password"]})
    login = {"email": "eve@example.org", "password": planted["new_password"]}
    planted["session"] = workspace.post("../../auth/login", login)
    planted["token"] = workspace.post("../../users/tokens/create", {"label": "for tests"})
    answer = workspace.http.get(f"variables/get_value/{SECRET}?token={planted['token']}")
    assert answer.json() == planted["value"]
    return answer


def fail(workspace: Workspace, left: Left) -> None:
    """Send secrets in requests that are refused, and keep what was answered."""
    lost = left.secret["refused"] = canary("refused")
    wrong: list[tuple[str, object]] = [
        ("variables/create", {"path": SECRET, "value": lost, "is_secret": True}),
        ("variables/create", {"path": "u/admin/w", "value": [lost], "is_secret": True}),
        ("variables/create", {"path": "u/admin/w", "value": lost + "\0", "is_secret": True}),
        ("variables/create", {"path": "not/a path", "value": lost, "is_secret": True}),
        ("variables/create", {"path": "u/admin/w", "value": lost, "is_secret": lost}),
        ("variables/create?already_encrypted=true", {"path": "u/admin/w", "value": lost, "is_secret": True}),
        ("variables/update/u/admin/none", {"value": lost}),
        ("../../auth/login", {"email": "eve@example.org", "password": lost}),
        ("../../auth/login", {"email": "nobody@example.org", "password": lost}),
        ("../../auth/login", {"email": "eve@example.org", "password": {"a": lost}}),
        ("../../users/create", {"email": "eve@example.org", "password": lost}),
        ("../../users/create", {"email": "none", "password": lost}),
        ("../../users/create", {"email": "x@example.org", "password": lost * 20}),
        ("../../users/setpassword", {"password": [lost]}),
    ]
    for number, (route, body) in enumerate(wrong):
        answer = workspace.http.post(route, json=body)
        assert 400 <= answer.status_code < 500, (route, answer.status_code, answer.text)
        left.answers[f"wrong {number} {route}"] = answer.content + repr(answer.headers.raw).encode()
    half = workspace.http.post("variables/create", content=f'{{"value": "{lost}", "is_secret": tru'.encode())
    for answer in (half, workspace.http.get("variables/list", headers={"Authorization": f"Bearer {lost}"})):
        assert 400 <= answer.status_code < 500, answer.text
        left.answers[f"wrong {answer.request.method} {answer.status_code}"] = answer.content


def run_jobs(workspace: Workspace, left: Left) -> None:
    """Let jobs read secrets and write them wherever a job can write."""
    python, bash = workspace.deploy(PYTHON), workspace.deploy(BASH, language="bash")
    given = {"given": f"$var:{SECRET}", "given_database": f"$res:{RESOURCE}"}
    hows = ("return", "raise", "large", "return", "raise")
    jobs: dict[str, str] = {}
    for number in range(JOBS // 2):
        how = hows[number % len(hows)]
        jobs[workspace.start(python, {**given, "how": how})] = how
        args = {"given": f"$var:{SECRET}", "how": how, "seen": left.public["argument"]}
        jobs[workspace.start(bash, args)] = how
    token_job = workspace.start(python, {**given, "how": "token"})
    printed = left.public["printed"]
    workspace.run_source(PRINTS, {"first": printed[:20], "second": printed[20:]})
    workspace.ended(workspace.start(bash, {"given": "$var:u/admin/none", "how": "", "seen": ""}))
    for job, how in jobs.items():
        ended = workspace.ended(job)
        assert ended["success"] == (how != "raise"), (ended.get("result"), ended.get("logs"))
    shifted = workspace.ended(token_job)["result"]
    left.secret["token_of_job"] = "".join(chr(code - 1) for code in shifted)
    for job in (*jobs, token_job):
        for route in ("jobs_u/get/", "jobs_u/completed/get/", "jobs_u/get_logs/", "jobs_u/getupdate/"):
            left.answers[f"{route}{job}"] = workspace.http.get(f"{route}{job}").content


def read_lists(workspace: Workspace, left: Left) -> None:
    """What is shown without being asked for a secret by its name."""
    routes = (
        *("variables/list", "resources/list", "resources/list_search", "audit/list?per_page=1000", "jobs/list"),
        *(f"variables/history/p/{SECRET}", f"resources/get/{RESOURCE}", f"resources/get_value/{RESOURCE}"),
        f"variables/get/{SECRET}?decrypt_secret=false&include_encrypted=true",
        *("../../users/tokens/list", "../../users/list_as_super_admin", "../../settings/list_global"),
        *("../../workers/list", "../../openapi.json", "../../../ready"),
    )
    for route in routes:
        answer = workspace.http.get(route)
        assert answer.status_code == 200, (route, answer.text)
        left.answers[route] = answer.content


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """All that a Tidemill leaves behind which was given secrets, and is stopped."""
    data_dir = tmp_path_factory.mktemp("secrets") / "data"
    left = Left()
    with running(data_dir, TIDEMILL_LOG_LEVEL="debug") as tidemill:
        fill(tidemill, left)
        left.dump = dumped(data_dir)
    left.files = [path for path in data_dir.rglob("*") if path.is_file() and not path.is_symlink()]
    left.files = [path for path in left.files if path != data_dir / LOGIN]
    left.log = tidemill.log.read_bytes().partition(END_OF_WELCOME)[2]
    assert left.log
    left.login = (data_dir / LOGIN).read_bytes()
    return left


def shortened(request: httpx.Request) -> None:
    """Let routes of the instance be named from those of the workspace, by `../../`."""
    request.url = request.url.join(str(request.url))


def fill(tidemill: Tidemill, left: Left) -> None:
    """Do everything."""
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    hooks = {"request": [shortened]}
    with httpx.Client(base_url=f"{tidemill.api}/", headers=headers, timeout=WAIT_TIMEOUT_S, event_hooks=hooks) as http:
        workspace = Workspace(http, (f"u/admin/item_{number}" for number in count()))
        plant(workspace, left)
        left.secret |= {"admin_token": tidemill.token, "admin_password": tidemill.password}
        fail(workspace, left)
        with sampled_command_lines(left.command_lines):
            run_jobs(workspace, left)
        read_lists(workspace, left)


def test_no_secret_is_left_anywhere_but_everything_else_is(left: Left) -> None:
    public = Search(left.public)
    assert public.names_in([left.dump]) == {"plain", "printed", "argument"}
    assert public.names_in(left.command_lines) == {"argument"}
    assert {name for path in left.files for name in public.names_in(pieces_of(path))} == set(left.public)
    search = Search(left.secret)
    assert search.names_in([left.login]) == {"admin_token", "admin_password"}  # on purpose: its owner signs in with it
    found = {place: sorted(names) for place, pieces in left.places() if (names := search.names_in(pieces))}
    assert found == {}
