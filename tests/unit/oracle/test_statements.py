"""How statements go to Oracle, what a resource must have, and what errors say."""

from collections.abc import Mapping
from types import SimpleNamespace

import oracledb
import pytest

from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed
from tidemill.stores.databases.oracle.columns import Described, NotFetched, fetched
from tidemill.stores.databases.oracle.config import OracleConfig
from tidemill.stores.databases.oracle.errors import connection_failed, query_failed
from tidemill.stores.databases.oracle.statements import exact, prepared
from tidemill.stores.databases.port import Argument, Statement

NUMBER = fetched(Described(name="N", type=oracledb.DB_TYPE_NUMBER))
INSTANT = fetched(Described(name="At", type=oracledb.DB_TYPE_TIMESTAMP_TZ, scale=6))


def argument(name: str, type_name: str, raw: str) -> Argument:
    return Argument(name=name, type_name=type_name, value=raw.encode())


def test_arguments_get_names_that_are_no_reserved_words() -> None:
    found = prepared(
        Statement(
            text="select :date, ':x', q'[:y]' -- :z\nfrom t where a = :date and b > :since and c = :date",
            arguments=(argument("since", "timestamp", '"2024-01-02"'), argument("date", "number", "1")),
        )
    )
    assert found.text == (
        "select :b1, ':x', q'[:y]' -- :z\nfrom t where a = :b1 and b > "
        "to_timestamp(:b2, 'YYYY-MM-DD HH24:MI:SS.FF9') and c = :b1"
    )
    assert {name: each.value for name, each in found.values.items()} == {"b1": 1, "b2": "2024-01-02 00:00:00.000000000"}


def test_a_place_without_an_argument_is_named() -> None:
    with pytest.raises(BadRequest, match=":missing"):
        prepared(Statement(text="select :missing from dual"))


@pytest.mark.parametrize(
    ("text", "is_query", "can_be_parsed"),
    [
        ("select 1 from dual", True, True),
        ("-- a\n/* b */ (with a as (select 1 from dual) select * from a)", True, True),
        ("insert into t values (1)", False, True),
        ("begin null; end;", False, False),
        ("create table t (a number)", False, False),
    ],
)
def test_only_what_does_nothing_is_parsed_ahead(text: str, is_query: bool, can_be_parsed: bool) -> None:
    found = prepared(Statement(text=text))
    assert (found.is_query, found.can_be_parsed) == (is_query, can_be_parsed)


def test_a_query_is_wrapped_only_where_something_would_be_lost() -> None:
    text = 'select n, at as "At" from t -- all\norder by n'
    assert exact(text, [NUMBER]) == text
    assert exact(text, [NUMBER, INSTANT]) == (
        f'select "N", to_char(sys_extract_utc("At"), \'SYYYY-MM-DD HH24:MI:SS.FF9\') as "At" from ({text}\n)'
    )


def test_columns_of_one_name_are_told_apart_by_their_numbers() -> None:
    assert exact("select a.n, a.at, b.at from a, b", [NUMBER, INSTANT, INSTANT]) == (
        "with q (c1, c2, c3) as (select a.n, a.at, b.at from a, b\n) select c1 as c1, "
        "to_char(sys_extract_utc(c2), 'SYYYY-MM-DD HH24:MI:SS.FF9') as c2, "
        "to_char(sys_extract_utc(c3), 'SYYYY-MM-DD HH24:MI:SS.FF9') as c3 from q"
    )


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("select at from t for update", [INSTANT]),
        ("with a as (select 1 as at from dual) select a.at, a.at from a", [INSTANT, INSTANT]),
    ],
)
def test_what_cannot_be_wrapped_is_an_error_that_says_what_to_select(text: str, columns: list[object]) -> None:
    with pytest.raises(NotFetched, match="select to_char"):
        exact(text, columns)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("database", "hosts", "is_encrypted"),
    [
        ("db.example.com/sales", (("db.example.com", 1521),), False),
        ("db.example.com:1522/sales", (("db.example.com", 1522),), False),
        ("tcps://db.example.com:2484/sales", (("db.example.com", 2484),), True),
        (
            "(DESCRIPTION=(ADDRESS=(PROTOCOL=tcps)(HOST=a)(PORT=1))(ADDRESS=(PROTOCOL=tcps)(HOST=b)(PORT=2))"
            "(CONNECT_DATA=(SERVICE_NAME=s)))",
            (("a", 1), ("b", 2)),
            True,
        ),
    ],
)
def test_a_resource_says_where(database: str, hosts: tuple[tuple[str, int], ...], is_encrypted: bool) -> None:
    config = OracleConfig.of({"database": database, "user": "u", "password": "s3cret"})
    assert (config.hosts, config.is_encrypted) == (hosts, is_encrypted)
    context = config.tls_context()
    assert (context is not None) is is_encrypted
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"database": ""}, "database"),
        ({"database": "alias"}, "tnsnames"),
        ({"database": "config-file:///etc/passwd"}, "tcp://"),
        ({"database": "ldap://h/x"}, "tcp://"),
        ({"database": "tcps://h/s?wallet_location=/etc"}, "wallet"),
        ({"database": "(DESCRIPTION=(ADDRESS=(HOST=h)(PORT=1))(SECURITY=(MY_WALLET_DIRECTORY=/etc)))"}, "WALLET"),
        ({"database": "tcps://h/s?https_proxy=inside"}, "https_proxy"),
        ({"database": "(DESCRIPTION=(ADDRESS=(PROTOCOL=ipc)(KEY=x))(CONNECT_DATA=(SID=s)))"}, "database"),
        ({"database": "(DESCRIPTION="}, "database"),
        ({"user": ""}, "user"),
        ({"root_certificate_pem": "x"}, "root_certificate_pem"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(more: Mapping[str, object], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        OracleConfig.of({"database": "h/s", "user": "u", "password": "p", **more})


def failure(words: str, code: str, *, offset: int = 0) -> oracledb.DatabaseError:
    class Detail(SimpleNamespace):
        def __str__(self) -> str:
            return words

    return oracledb.DatabaseError(Detail(full_code=code, offset=offset))


def test_an_error_has_the_servers_words_and_the_place_in_the_script() -> None:
    words = "ORA-00942: table or view does not exist\nHelp: https://docs.oracle.com/error-help/db/ora-00942/"
    sent = "select 1\nfrom nowhere"
    found = query_failed(failure(words, "ORA-00942", offset=14), Statement(text=sent, line=5), sent=sent)
    assert isinstance(found, QueryFailed)
    assert str(found) == "ORA-00942: table or view does not exist (line 6, column 6)"


def test_lost_canceled_and_refused_are_told_apart() -> None:
    statement = Statement(text="select 1 from dual")
    assert isinstance(query_failed(failure("ORA-03113: end of file", "ORA-03113"), statement), ConnectionFailed)
    assert str(query_failed(failure("ORA-01013: user requested", "ORA-01013"), statement)) == "The query was canceled."
    refused = connection_failed(failure("ORA-01017: invalid credential of s3cret", "ORA-01017"), secret="s3cret")
    assert "Check user and password" in str(refused)
    assert "s3cret" not in str(refused)
