"""Every regular expression of our own, found in the source, and the inputs that are hard for it.

A program as well: it tries them and prints a line of JSON for each that takes more than a multiple of what looking at
every character once takes. It counts processor time of its own, so that a busy machine changes nothing.
"""

import ast
import importlib
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
SIZES = (22, 2_000, 20_000)
FULL_SIZES = (*SIZES, 100_000)
MOST_TIMES = 400
"""What is slow for a character costs some 100 times as much as looking at it; twice as long for each is far above."""
_NOISE_S = 0.002
_EACH_CPU_S = 60


@dataclass(frozen=True)
class Found:
    """A pattern, and how it is used: each of `methods` at some place in `file`."""

    file: str
    pattern: Any
    flags: int
    methods: tuple[str, ...]


def found_in(root: Path = ROOT) -> list[Found]:
    """All of the source below `tidemill/` and `clients/python/`."""
    files = [*(root / "tidemill").rglob("*.py"), *(root / "clients" / "python").rglob("*.py")]
    sources = {path: path.read_text() for path in sorted(files)}
    everywhere = _used_names("\n".join(sources.values()))
    return [each for path, text in sources.items() for each in _of_file(path.relative_to(root), text, everywhere)]


def _used_names(source: str) -> dict[str, set[str]]:
    """Name of a pattern -> the methods that are called on it."""
    used: dict[str, set[str]] = {}
    for name, method in re.findall(r"(\w+)\.(?=(\w+))", source):
        if method in METHODS:
            used.setdefault(name, set()).add(method)
    return used


def _of_file(path: Path, text: str, everywhere: dict[str, set[str]]) -> Iterator[Found]:
    own, tree = _used_names(text), ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args):
            continue
        method, name = node.func.attr, _assigned_to(node, parents)
        if method not in {*METHODS, "compile"}:
            continue
        compiled = _value(path, node, name)
        if compiled is not None:
            used = (own if name.startswith("_") else everywhere).get(name, {"search", "fullmatch"})
            methods = used if method == "compile" else {method}
            yield Found(str(path), compiled.pattern, compiled.flags, tuple(sorted(methods)))


def _assigned_to(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    """The name that a pattern is known by, "" where it has none."""
    while (parent := parents.get(node)) is not None and not isinstance(parent, ast.stmt):
        node = parent
    match parent:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _value(path: Path, call: ast.Call, name: str) -> "re.Pattern[Any] | None":
    """The pattern, as the call alone tells it, or as the module has it; None where only a run of it would tell."""
    module = importlib.import_module(".".join(path.with_suffix("").parts)) if path.parts[0] == "tidemill" else None
    names = {"re": re, **(vars(module) if module else {})}
    compiled = names.get(name)
    if isinstance(compiled, re.Pattern):
        return compiled
    arguments = [call.args[0], *(each for each in call.args[1:] if _is_flags(each))]
    flags = [each.value for each in call.keywords if each.arg == "flags"]
    made = ast.Expression(ast.Call(_RE_COMPILE, [*arguments, *flags], []))
    try:
        value = eval(compile(ast.fix_missing_locations(made), str(path), "eval"), names)
    except NameError:
        return None
    return value if isinstance(value, re.Pattern) else None


_RE_COMPILE = ast.parse("re.compile", mode="eval").body


def _is_flags(node: ast.expr) -> bool:
    return ast.unparse(node).startswith("re.")


def hard_inputs(found: Found, size: int) -> Iterator[Any]:
    """Long repetitions of what its parts match, alone and in pairs, behind what comes before, and then a misfit."""
    parsed = _parser.parse(found.pattern, found.flags)
    samples = list(dict.fromkeys(sample for sample in _samples(parsed) if sample))[:12]
    before = _example(parsed)
    pieces = [*samples, *(a + b for a in samples[:6] for b in samples[:6] if a != b), before or "a"]
    for piece in dict.fromkeys(pieces):
        repeated = (piece * (size // len(piece) + 1))[:size]
        for text in (repeated + "\0", repeated, before + repeated + "\n!"):
            yield text.encode("latin-1", "replace") if isinstance(found.pattern, bytes) else text


def _samples(parsed: Any) -> Iterator[str]:
    """An example of each repeated part, and of what it is made of."""
    for operation, argument in parsed:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            yield _example(argument[2])
            yield from _samples(argument[2])
        elif name == "SUBPATTERN":
            yield from _samples(argument[3])
        elif name == "BRANCH":
            for branch in argument[1]:
                yield _example(branch)
                yield from _samples(branch)
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield from _samples(argument[1])
        elif name == "ATOMIC_GROUP":
            yield from _samples(argument)
        else:
            yield _example([(operation, argument)])


def _example(parsed: Any) -> str:
    """A text that it matches, or nearly."""
    made = []
    for operation, argument in parsed:
        match str(operation):
            case "LITERAL":
                made.append(chr(argument))
            case "NOT_LITERAL":
                made.append("b" if argument == ord("a") else "a")
            case "ANY":
                made.append("a")
            case "IN":
                made.append(_one_of(argument))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                made.append(_example(argument[2]) * max(argument[0], 1 if argument[1] else 0))
            case "SUBPATTERN":
                made.append(_example(argument[3]))
            case "ATOMIC_GROUP":
                made.append(_example(argument))
            case "BRANCH":
                made.append(_example(argument[1][0]))
    return "".join(made)


def _one_of(choices: Any) -> str:
    """A character of a class."""
    negated = str(choices[0][0]) == "NEGATE"
    if negated:
        text = "[^" + "".join(
            f"\\x{value:02x}" for kind, value in choices[1:] if str(kind) == "LITERAL" and value < 256
        )
        pattern = re.compile(f"{text}]" if len(text) > 2 else ".")
        return next(each for each in "a 1\"'\n" if pattern.match(each))
    kind, value = choices[0]
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
        case _:
            return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(str(value), "a")


def use(compiled: "re.Pattern[Any]", method: str, text: Any) -> None:
    """As the source uses it; what it puts in the place of a match is not ours to measure."""
    if method in {"match", "fullmatch", "search"}:
        getattr(compiled, method)(text)
    else:
        for _ in compiled.finditer(text):
            pass


def too_slow(found: Found, sizes: tuple[int, ...]) -> str:
    """The input that takes too long, shortened, "" where none does. Larger ones are not tried behind one that does."""
    compiled = re.compile(found.pattern, found.flags)
    for size in sizes:
        for text in hard_inputs(found, size):
            allowed_s = MOST_TIMES * _looked_at_s(len(text)) + _NOISE_S
            for method in found.methods:
                if all(_cpu_s(lambda m=method, t=text: use(compiled, m, t)) > allowed_s for _ in range(3)):  # type: ignore[misc]
                    return f"{method} of {len(text)} characters: {text[:30]!r}…{text[-10:]!r}"
    return ""


_looked_at: dict[int, float] = {}


def _looked_at_s(size: int) -> float:
    """What it takes to look at every character once."""
    if size not in _looked_at:
        plain, text = re.compile("[^\0]*\0"), "a" * size
        _looked_at[size] = min(_cpu_s(lambda: plain.match(text)) for _ in range(20))
    return _looked_at[size]


def _cpu_s(call: Callable[[], object]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def main(full: bool) -> None:
    """A line for each before it is tried, so that it is known which one did not come back; and for each slow one."""
    for found in {(each.pattern, each.flags, each.methods): each for each in found_in()}.values():
        print(json.dumps({"tries": f"{found.file}: {found.pattern!r}"}), flush=True)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + _EACH_CPU_S, resource.RLIM_INFINITY))
        if slow := too_slow(found, FULL_SIZES if full else SIZES):
            print(json.dumps({"slow": f"{found.file}: {found.pattern!r}: {slow}"}), flush=True)
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main("full" in sys.argv[1:])
