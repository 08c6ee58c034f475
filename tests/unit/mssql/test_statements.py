"""What is seen of a batch before it is sent, what a resource must have, and what errors say."""

from collections.abc import Mapping

import pytest

from tidemill.model.errors import BadRequest, QueryFailed
from tidemill.stores.databases.mssql.batch import gives_one_result, only_reads
from tidemill.stores.databases.mssql.config import MssqlConfig
from tidemill.stores.databases.mssql.driver import Refused, ServerMessage
from tidemill.stores.databases.mssql.errors import connection_failed, query_failed
from tidemill.stores.databases.port import Statement

RESOURCE = {"host": "db.example.com", "user": "sa", "password": "s3cret", "dbname": "main"}


@pytest.mark.parametrize(
    "text",
    [
        "select [update], \"delete\", 'insert into x' from t -- drop",
        "with a as (select 1 as n) select * from a",
        "declare @x int = 1; set @x = 2; if @x > 1 select @x else print 'no'",
    ],
)
def test_a_batch_that_reads_is_let_through(text: str) -> None:
    only_reads(Statement(text=text))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("select 1\ninsert into t values (1)", "insert"),
        ("select * into t2 from t", "into"),
        ("exec p", "exec"),
        ("dbo.p 1", "dbo"),
        ("select next value for s", "value"),
        ("with a as (select 1 as n) delete from a", "delete"),
        ("select * from openrowset('x', 'y', 'z')", "openrowset"),
        ("select 1 commit", "commit"),
        ("begin tran", "tran"),
    ],
)
def test_a_batch_that_may_write_is_refused_by_a_session_to_read(text: str, word: str) -> None:
    with pytest.raises(QueryFailed, match=f"'{word}'"):
        only_reads(Statement(text=text))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("select 1", True),
        ("-- a\nselect a, (select max(b) from u) from t", True),
        ("with a as (select 1 as n) select * from a union all select 2", True),
        ("declare @x int = 1; select @x", True),
        ("select 1; select 2", False),
        ("select 1 select 2", False),
        ("if @@rowcount > 0 select 1 else select 2", False),
        ("exec p; select 1", False),
        ("sp_who", False),
        ("(select 1) (select 2)", False),
        ("update t set a = 1 output inserted.a", False),
        ("while 1 = 1 select 1", False),
        ("insert into t values (1)", False),
    ],
)
def test_only_a_batch_with_one_query_is_streamed(text: str, is_one: bool) -> None:
    assert gives_one_result(text) is is_one


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, ("db.example.com", 1433, "")),
        ({"port": 14330}, ("db.example.com", 14330, "")),
        ({"host": "db.example.com\\SALES"}, ("db.example.com", 1433, "SALES")),
        ({"host": "tcp:db.example.com,1500"}, ("db.example.com", 1500, "")),
        ({"instance_name": "SALES"}, ("db.example.com", 1433, "SALES")),
        ({"instance_name": "SALES", "port": 1500}, ("db.example.com", 1500, "")),
        ({"instance_name": "MSSQLSERVER"}, ("db.example.com", 1433, "")),
    ],
)
def test_a_resource_says_where(more: Mapping[str, object], place: tuple[str, int, str]) -> None:
    config = MssqlConfig.of({**RESOURCE, **more})
    assert (config.host, config.port, config.instance) == place
    assert "s3cret" not in repr(config)


def test_certificates_are_checked_unless_a_resource_says_otherwise() -> None:
    assert MssqlConfig.of(RESOURCE).tls_context().check_hostname
    assert not MssqlConfig.of({**RESOURCE, "trust_cert": True}).tls_context().check_hostname
    assert MssqlConfig.of(RESOURCE).encrypts


def test_a_token_stands_in_place_of_a_user() -> None:
    config = MssqlConfig.of({"host": "h", "dbname": "d", "aad_token": {"token": "ey.x"}})
    assert (config.token, config.user, config.secret) == ("ey.x", "", "ey.x")
    assert "ey.x" not in repr(config)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"user": ""}, "user"),
        ({"dbname": None}, "dbname"),
        ({"integrated_auth": True}, "integrated_auth"),
        ({"aad_token": "text"}, "aad_token"),
        ({"ca_cert": "no"}, "ca_cert"),
        ({"encrypt": "yes"}, "encrypt"),
        ({"host": "h,x"}, "host"),
        ({"instance_name": "a;b"}, "instance_name"),
        ({"password": "x" * 129}, "password"),
    ],
)
def test_a_field_that_cannot_be_is_named(more: Mapping[str, object], field: str) -> None:
    with pytest.raises(BadRequest, match=field):
        MssqlConfig.of({**RESOURCE, **more})


def message(number: int, text: str, *, line: int = 1, procedure: str = "") -> ServerMessage:
    return ServerMessage(number, 16, 1, text, procedure, line)


def test_an_error_has_all_words_of_the_server_and_the_line_of_the_script() -> None:
    refused = Refused(
        [message(2627, "Violation of key.", line=3), message(3621, "The statement has been terminated.", line=3)]
    )
    assert str(query_failed(refused, Statement(text="", line=5))) == "Violation of key. (line 7)\nError: 2627, state 1"
    of_procedure = Refused([message(8134, "Divide by zero.", line=9, procedure="p")])
    assert "(procedure p, line 9)" in str(query_failed(of_procedure, Statement(text="")))


def test_what_cannot_be_reached_says_what_to_check_and_no_secret() -> None:
    failed = connection_failed(Refused([message(18456, "Login failed for 's3cret'.")]), secret="s3cret")
    assert "Check user and password" in str(failed)
    assert "s3cret" not in str(failed)
