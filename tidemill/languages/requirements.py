"""What a Python script says it needs: inline metadata, requirement blocks in comments, or else its imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from tidemill.languages.python_distributions import distribution_of
from tidemill.languages.python_parsing import parse, source_lines
from tidemill.model.errors import InvalidScript

MAX_REQUIREMENTS: Final = 500
MAX_REQUIREMENT_CHARS: Final = 1_000
PROVIDED: Final = frozenset({"wmill", "tidemill_client", "__main__", "_typeshed"})
"""Names that every Python job can import without asking."""
WORKSPACE_ROOTS: Final = frozenset({"f", "u"})

_BLOCK: Final = re.compile(r"#\s*(?P<extra>extra_)?requirements\s*:\s*")
_PIN: Final = re.compile(r"#\s*(?:re)?pin\s*:\s*(?P<requirement>[^#]+)")


@dataclass(frozen=True, slots=True)
class Declared:
    """What one file says about itself.

    Attributes:
        specifiers: checked requirements, in order, without duplicates.
        requires_python: version specifier of inline metadata, or "".
        imports: workspace scripts that it imports. Each is a tuple of paths of which the first that exists is meant
            (`from f.a.b import c` is the script f/a/b, or else f/a/b/c).
    """

    specifiers: tuple[str, ...] = ()
    requires_python: str = ""
    imports: tuple[tuple[str, ...], ...] = field(default=())


def declared(content: str, *, path: str) -> Declared:
    """What the script at `path` ("" for one without) says it needs.

    Inline metadata (`# /// script`) or a `#requirements:` block are the whole truth; without them each import is looked
    up, and an `#extra_requirements:` block is added to that.

    Raises:
        InvalidScript: it cannot be parsed, or a requirement is not one or not allowed.
    """
    tree = parse(content)
    imports = tuple(dict.fromkeys(_workspace_imports(tree, path)))
    metadata = inline_metadata(content)
    if metadata is not None:
        return Declared(_checked(metadata.specifiers), metadata.requires_python, imports)
    exact, extra = _blocks(content)
    if exact is not None:
        return Declared(_checked(exact), "", imports)
    return Declared(_checked([*_imported_packages(tree, source_lines(content)), *extra]), "", imports)


def inline_metadata(content: str) -> Declared | None:
    """What the `# /// script` block of PEP 723 says; None if there is none.

    Raises:
        InvalidScript: there are two, the block is not TOML, or its fields have other types than the PEP gives them.
    """
    blocks = list(_metadata_blocks(source_lines(content)))
    if not blocks:
        return None
    if len(blocks) > 1:
        raise InvalidScript("The script has more than one '# /// script' block.")
    try:
        table = tomllib.loads(blocks[0])
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidScript(f"The '# /// script' block is not TOML: {error}.") from error
    specifiers, requires_python = table.get("dependencies", []), table.get("requires-python", "")
    if not isinstance(specifiers, list) or not all(isinstance(item, str) for item in specifiers):
        raise InvalidScript("`dependencies` in the '# /// script' block must be a list of strings.")
    if not isinstance(requires_python, str):
        raise InvalidScript("`requires-python` in the '# /// script' block must be a string.")
    return Declared(tuple(specifiers), checked_versions(requires_python))


def checked_versions(text: str) -> str:
    """`text`, if it is a version specifier such as `>=3.11`, or empty.

    Raises:
        InvalidScript: it is not.
    """
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise InvalidScript(
            f"requires-python is {text!r}, which is not a version specifier such as '>=3.11'."
        ) from error
    return text


def checked_requirement(text: str) -> str:
    """`text` as one requirement, without comments. Options of the installer, files and repositories are refused.

    Raises:
        InvalidScript: it is not a requirement, or not one that is allowed; the message says which are.
    """
    text = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    if text.startswith("-"):
        raise InvalidScript(f"{text[:80]!r} is an option of the installer, not a requirement: options are not allowed.")
    if len(text) > MAX_REQUIREMENT_CHARS or "$" in text or not text.isprintable():
        raise InvalidScript(f"{text[:80]!r} is not a requirement such as 'requests>=2.31'.")
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        raise InvalidScript(f"{text[:80]!r} is not a requirement such as 'requests>=2.31'.") from error
    if requirement.url is not None and not re.fullmatch(r"https://[^/@\s]+/\S*", requirement.url):
        raise InvalidScript(
            f"{requirement.name} is asked for at an address. Only archives at https:// are allowed, "
            "without credentials; no files of the worker and no repositories."
        )
    return str(requirement)


def _checked(texts: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(checked_requirement(text) for text in texts))
    if len(found) > MAX_REQUIREMENTS:
        raise InvalidScript(f"The script has {len(found)} requirements; at most {MAX_REQUIREMENTS} are allowed.")
    return found


def _metadata_blocks(lines: list[str]) -> Iterator[str]:
    """The text of each closed `script` block. As in the PEP, the last `# ///` before the comment ends closes it."""
    start = 0
    while start < len(lines):
        if lines[start] != "# /// script":
            start += 1
            continue
        end = start + 1
        while end < len(lines) and (lines[end] == "#" or lines[end].startswith("# ")):
            end += 1
        closing = next((i for i in range(end - 1, start, -1) if lines[i] == "# ///"), None)
        if closing is not None:
            yield "\n".join(line[2:] for line in lines[start + 1 : closing])
        start = end


def _blocks(content: str) -> tuple[list[str] | None, list[str]]:
    """The lines below `#requirements:` (None without such a block) and those below `#extra_requirements:`."""
    exact: list[str] | None = None
    extra: list[str] = []
    current: list[str] | None = None
    for line in source_lines(content):
        block = _BLOCK.fullmatch(line)
        if block and block["extra"]:
            current = extra
        elif block:
            current = exact = exact or []
        elif not line.startswith("#"):
            current = None
        elif current is not None and (text := line.lstrip("#").strip()):
            current.append(text)
    return exact, extra


def _imported_packages(tree: ast.Module, lines: list[str]) -> Iterator[str]:
    for statement in _imports(tree):
        pin = _PIN.search(lines[(statement.end_lineno or statement.lineno) - 1])
        names = list(dict.fromkeys(_packages(statement)))
        if pin and names:
            yield pin["requirement"].strip()
        else:
            yield from names


def _packages(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for module in _modules(statement):
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in PROVIDED and top not in WORKSPACE_ROOTS:
            name = distribution_of(module)
            if name and name.isascii():
                yield name


def _modules(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Dotted names that are imported absolutely, with what is taken from a module as one more part."""
    if isinstance(statement, ast.Import):
        yield from (name.name for name in statement.names)
    elif not statement.level and statement.module:
        yield from (f"{statement.module}.{name.name}" for name in statement.names)


def _imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements, nested ones too, but those that only a type checker follows."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
            pending.extend(reversed(node.orelse))
        else:
            pending.extend(reversed(list(ast.iter_child_nodes(node))))


def _is_for_type_checkers(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _workspace_imports(tree: ast.Module, path: str) -> Iterator[tuple[str, ...]]:
    for statement in _imports(tree):
        if isinstance(statement, ast.Import):
            for name in statement.names:
                yield from _paths(name.name.split("."), taken="")
            continue
        base = _base_of(statement, path)
        for name in statement.names if base else ():
            yield from _paths(base, taken=name.name)


def _base_of(statement: ast.ImportFrom, path: str) -> list[str]:
    """The dotted parts of the module that names are taken from; [] where it is no workspace module."""
    own = statement.module.split(".") if statement.module else []
    if not statement.level:
        return own
    parts = path.split("/")
    kept = len(parts) - statement.level
    return [*parts[:kept], *own] if path and kept > 0 else []


def _paths(parts: list[str], *, taken: str) -> Iterator[tuple[str, ...]]:
    """Paths that the module may be, the likeliest first; a path has at least three parts."""
    if parts[0] not in WORKSPACE_ROOTS:
        return
    longer = [[*parts, taken]] if taken not in {"", "*"} else [parts[:-1]]
    candidates = ["/".join(each) for each in (parts, *longer) if len(each) >= 3]
    if candidates:
        yield tuple(candidates)
