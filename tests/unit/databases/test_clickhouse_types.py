"""Types that a script declares and ClickHouse has not."""

import pytest

from tidemill.model.errors import BadRequest
from tidemill.stores.databases.clickhouse.arguments import parameter
from tidemill.stores.databases.port import Argument

NOWHERE = ["Decimal", "Decimal(a, b)", "Map(String)", "DateTime64", f"DateTime64({'9' * 5000})", "Array(" * 3000]


@pytest.mark.parametrize("type_name", NOWHERE, ids=lambda each: each[:20])
def test_what_is_no_type_is_refused(type_name: str) -> None:
    with pytest.raises(BadRequest, match="'a' has no type"):
        parameter(Argument(name="a", type_name=type_name, value=b"1"))


def test_a_width_that_no_integer_has_is_left_to_the_server() -> None:
    """Its limits are never calculated: they would fill the memory."""
    assert parameter(Argument(name="a", type_name="Int99999999999", value=b"1")) == "1"
    assert parameter(Argument(name="a", type_name="Int256", value=b"-1")) == "-1"
