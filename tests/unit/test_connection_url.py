"""URLs that people paste."""

# ruff: noqa: E501 - one case a line keeps the table readable

import pytest

from tidemill.model.connection_url import recognise_url
from tidemill.model.resource_type import catalogue, validate_value

PG = {"host": "db.example", "port": 5432}
LOGIN = {"username": "u", "password": "p"}
S3 = {"region": "us-east-1", "useSSL": True, "endPoint": "s3.us-east-1.amazonaws.com", "pathStyle": False}

KNOWN: list[tuple[str, str, dict[str, object]]] = [
    ("postgres://db.example/shop", "postgresql", PG | {"dbname": "shop"}),
    ("postgresql://u:p@db.example:6432/shop", "postgresql", PG | {"port": 6432, "user": "u", "password": "p", "dbname": "shop"}),
    ("postgres://db.example", "postgresql", PG),
    ("  postgres://u@db.example/\n", "postgresql", PG | {"user": "u"}),
    ("postgres://u:p%40s%2Fs%3A%25@db.example/my%20db", "postgresql", PG | {"user": "u", "password": "p@s/s:%", "dbname": "my db"}),
    ("postgres://u:p@ss#1;x+y@db.example/d", "postgresql", PG | {"user": "u", "password": "p@ss#1;x+y", "dbname": "d"}),
    ("postgres://u:@db.example/d", "postgresql", PG | {"user": "u", "dbname": "d"}),
    ("postgres://[2001:db8::1]:5433/d", "postgresql", {"host": "2001:db8::1", "port": 5433, "dbname": "d"}),
    ("postgres://[::1]/d", "postgresql", {"host": "::1", "port": 5432, "dbname": "d"}),
    ("postgres:///d?host=/var/run/postgresql&user=u", "postgresql", {"host": "/var/run/postgresql", "port": 5432, "user": "u", "dbname": "d"}),
    ("postgres://%2Ftmp/d", "postgresql", {"host": "/tmp", "port": 5432, "dbname": "d"}),
    ("postgres://a,b/d", "postgresql", {"host": "a,b", "port": 5432, "dbname": "d"}),
    ("postgres://db.example/d?sslmode=require&options=-c%20x%3D1&application_name=a+b", "postgresql",
     PG | {"dbname": "d", "sslmode": "require", "options": "-c x=1", "application_name": "a+b"}),
    ("postgresql+psycopg://db.example/d", "postgresql", PG | {"dbname": "d"}),
    ("jdbc:postgresql://db.example/d?user=u&password=p", "postgresql", PG | {"user": "u", "password": "p", "dbname": "d"}),
    ("POSTGRES://db.example/D", "postgresql", PG | {"dbname": "D"}),
    ("mysql://u:p@h/d", "mysql", {"host": "h", "port": 3306, "user": "u", "password": "p", "database": "d"}),
    ("mariadb://h/d?ssl-mode=REQUIRED&charset=utf8mb4", "mysql", {"host": "h", "port": 3306, "database": "d", "ssl": True, "charset": "utf8mb4"}),
    ("mysql+pymysql://h/d?ssl=false", "mysql", {"host": "h", "port": 3306, "database": "d", "ssl": False}),
    ("mongodb://h", "mongodb", {"tls": False, "servers": [{"host": "h", "port": 27017}]}),
    ("mongodb://u:p@a:1,b:2/d?authSource=admin&authMechanism=SCRAM-SHA-256&replicaSet=r&tls=true", "mongodb",
     {"db": "d", "tls": True, "servers": [{"host": "a", "port": 1}, {"host": "b", "port": 2}],
      "credential": LOGIN | {"db": "admin", "mechanism": "SCRAM-SHA-256"}, "replicaSet": "r"}),
    ("mongodb://u:p@h/d", "mongodb", {"db": "d", "tls": False, "servers": [{"host": "h", "port": 27017}], "credential": LOGIN | {"db": "d"}}),
    ("mongodb+srv://u:p@c.x.net/d?retryWrites=true", "mongodb",
     {"db": "d", "tls": True, "srv": True, "servers": [{"host": "c.x.net"}], "credential": LOGIN | {"db": "admin"}, "retryWrites": "true"}),
    ("redis://h", "redis", {"db": 0, "tls": False, "servers": [{"host": "h", "port": 6379}]}),
    ("rediss://default:p@h:1/3", "redis", {"db": 3, "tls": True, "servers": [{"host": "h", "port": 1}], "credential": {"password": "p"}}),
    ("redis://:p@[::1]", "redis", {"db": 0, "tls": False, "servers": [{"host": "::1", "port": 6379}], "credential": {"password": "p"}}),
    ("rediss://u:p@eu1-a.upstash.io:6380", "upstash", {"db": 0, "tls": True, "servers": [{"host": "eu1-a.upstash.io", "port": 6380}], "credential": LOGIN}),
    ("s3://b", "s3", S3 | {"bucket": "b"}),
    ("s3://b/a/k?region=eu-west-1", "s3", S3 | {"bucket": "b", "region": "eu-west-1", "endPoint": "s3.eu-west-1.amazonaws.com", "prefix": "a/k"}),
    ("s3://K:s%2F+@minio:9000/b?secure=false", "s3",
     {"bucket": "b", "region": "us-east-1", "useSSL": False, "endPoint": "minio", "port": 9000, "accessKey": "K", "secretKey": "s/+", "pathStyle": True}),
    ("s3://b?endpoint=http://h:9000&pathStyle=false", "s3",
     {"bucket": "b", "region": "us-east-1", "useSSL": False, "endPoint": "h", "port": 9000, "pathStyle": False}),
    ("sqlserver://u:p@h?database=d&encrypt=disable", "ms_sql_server", {"host": "h", "port": 1433, "user": "u", "password": "p", "dbname": "d", "encrypt": False}),
    ("sqlserver://u:p@h/inst?database=d", "ms_sql_server", {"host": "h", "port": 1433, "user": "u", "password": "p", "dbname": "d", "instance_name": "inst"}),
    ("mssql+pyodbc://u:p@h/d?driver=x", "ms_sql_server", {"host": "h", "port": 1433, "user": "u", "password": "p", "dbname": "d", "driver": "x"}),
    ("jdbc:sqlserver://h\\inst:1500;databaseName=d;user=u;password=p;trustServerCertificate=true", "ms_sql_server",
     {"host": "h", "port": 1500, "user": "u", "password": "p", "dbname": "d", "instance_name": "inst", "trust_cert": True}),
    ("clickhouse://h", "clickhouse", {"host": "http://h:8123"}),
    ("clickhouse://u:p@[::1]:9440/d?max_threads=2", "clickhouse", LOGIN | {"host": "https://[::1]:8443", "database": "d", "max_threads": "2"}),
    ("clickhouse://h:9000?secure=true", "clickhouse", {"host": "https://h:8123"}),
    ("snowflake://u:p@org-acc/d/s?warehouse=w&role=r", "snowflake",
     LOGIN | {"account_identifier": "org-acc", "database": "d", "schema": "s", "warehouse": "w", "role": "r"}),
    ("snowflake://u@org-acc.snowflakecomputing.com/d?authenticator=oauth&token=t", "snowflake_oauth",
     {"account_identifier": "org-acc", "username": "u", "token": "t", "database": "d", "authenticator": "oauth"}),
    ("oracle+oracledb://u:p@h/?service_name=x", "oracledb", {"database": "h:1521/x", "user": "u", "password": "p"}),
    ("bigquery://proj/set", "bigquery", {"project_id": "proj", "dataset": "set"}),
    ("gs://b/k", "gcloud_storage", {"bucket": "b", "prefix": "k"}),
    ("amqps://u:p@h/v", "amqp", LOGIN | {"host": "h", "port": 5671, "vhost": "v", "tls": True}),
    ("nats://t0ken@h", "nats", {"servers": ["h:4222"], "auth": {"label": "TOKEN", "token": "t0ken"}}),
    ("kafka://a,b:1", "kafka", {"brokers": ["a:9092", "b:1"], "security": {"label": "PLAINTEXT"}}),
    ("libsql://d.turso.io?authToken=t", "libsql", {"url": "libsql://d.turso.io", "authToken": "t"}),
    ("smtps://u:p@h", "smtp", {"host": "h", "port": 465, "user": "u", "password": "p"}),
]  # fmt: skip


@pytest.mark.parametrize(("url", "name", "value"), KNOWN)
def test_url_fills_the_resource(url: str, name: str, value: dict[str, object]) -> None:
    assert recognise_url(url) == (name, value)


@pytest.mark.parametrize(("url", "name", "value"), KNOWN)
def test_what_is_filled_fits_the_form_but_for_what_is_missing(url: str, name: str, value: dict[str, object]) -> None:
    problems = validate_value(catalogue()[name].schema, value)
    assert [problem for problem in problems if not problem.endswith("is required.")] == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgres",
        "postgres:/h",
        "https://example.org",
        "select 1",
        "postgres://h:port/d",
        "postgres://h:70000/d",
        "postgres://h:0/d",
        "postgres://[::1/d",
        "postgres://h:1,g:2/d",
        "postgres://u:%ff@h/d",
        "postgres://h/d?port=x",
        "redis://h/name",
        "postgres://h/d e",
        "postgres://" + "a" * 9000,
    ],
)
def test_what_cannot_be_read_with_certainty_is_left_alone(url: str) -> None:
    assert recognise_url(url) is None


def test_percent_sign_that_escapes_nothing_stays() -> None:
    assert recognise_url("postgres://u:100%@h/d") == (
        "postgresql", {"host": "h", "port": 5432, "user": "u", "password": "100%", "dbname": "d"},
    )  # fmt: skip
