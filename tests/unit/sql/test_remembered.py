"""What is remembered of scripts stays small, whatever they are."""

import pytest

from tidemill.engine.sql.script import KEPT_CHARS, read_script
from tidemill.model.errors import InvalidScript
from tidemill.queries import sql_binding
from tidemill.queries.sql_binding import bind

FILL = "-- " + "x" * KEPT_CHARS


@pytest.mark.parametrize(("more", "is_kept"), [("", True), (FILL, False)], ids=["short", "long"])
def test_only_short_scripts_are_remembered(more: str, is_kept: bool) -> None:
    text = f"-- $1 a (int)\nselect $1\n{more}"
    one, other = read_script(text, "postgresql"), read_script(text, "postgresql")
    assert (one is other) is is_kept
    assert one == other
    ((argument,),) = [each.arguments for each in bind(one, {"a": b"5"}, {})]
    assert (argument.name, argument.type_name, argument.value) == ("a", "int", b"5")
    assert (id(one) in sql_binding._FORMS._kept) is is_kept


def test_a_type_of_thousands_of_characters_is_refused() -> None:
    with pytest.raises(InvalidScript, match="type of the argument a"):
        read_script(f"-- $1 a (numeric({'9' * 3000}))\nselect $1", "postgresql")
