"""What the names in a Python script stand for: its imports, classes and aliases, read from the syntax tree."""

import ast
from dataclasses import dataclass, field

from tidemill.languages.python_parsing import statements

_ENUMS = {"enum.Enum", "enum.StrEnum", "enum.IntEnum", "Enum", "StrEnum", "IntEnum"}


@dataclass(frozen=True, slots=True)
class Definitions:
    """Top-level names of a script. Later definitions win, as they do when the script is run.

    Attributes:
        imports: the full dotted name behind each imported name.
        classes: class definitions by name.
        aliases: the expression that was assigned to a name (`Row = dict`, `type Row = dict`).
        functions: function definitions by name.
    """

    imports: dict[str, str] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    aliases: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)

    def dotted(self, node: ast.expr) -> str:
        """The full dotted name of `node` (`dt.date` after `import datetime as dt` is `datetime.date`); "" if none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])

    def is_enum(self, definition: ast.ClassDef) -> bool:
        """Whether the class is an enumeration by one of its bases."""
        return any(self.dotted(base) in _ENUMS for base in definition.bases)


def definitions(module: ast.Module) -> Definitions:
    """All top-level definitions of `module`."""
    found = Definitions()
    for statement in statements(module):
        _add(found, statement)
    return found


def _add(found: Definitions, statement: ast.stmt) -> None:
    match statement:
        case ast.Import(names=names):
            for name in names:
                found.imports[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        case ast.ImportFrom(module=source, names=names, level=level):
            prefix = "." * level + (source or "")
            for name in names:
                found.imports[name.asname or name.name] = f"{prefix}.{name.name}"
        case ast.ClassDef(name=name):
            found.classes[name] = statement
            found.aliases.pop(name, None)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            found.functions[name] = statement
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            found.aliases[name] = value
            found.classes.pop(name, None)
        case _ if type(statement).__name__ == "TypeAlias":  # the `type` statement, from Python 3.12 on
            found.aliases[statement.name.id] = statement.value  # type: ignore[attr-defined]  # unknown to 3.11
