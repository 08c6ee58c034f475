"""Fills the form of a resource from a connection URL that somebody pastes."""

from collections.abc import Callable, Mapping
from typing import Final

from tidemill.model.digits import number_in
from tidemill.model.url_parts import ConnectionUrl, Unreadable, bracketed, parse_connection_url, parse_host

Value = dict[str, object]


def recognise_url(url: str) -> tuple[str, Value] | None:
    """The resource type and the value that a connection URL stands for; None where it is none that we know.

    A part that the URL lacks is left out of the value, so that the form asks for it, but for the port, which gets the
    usual one. Options that the type has no field for are kept in the value under their own names, as strings.
    A driver in the scheme (`postgresql+psycopg://`) and a leading `jdbc:` are ignored.
    """
    try:
        parsed = parse_connection_url(url)
        reader = _READERS.get(parsed.scheme) or _READERS.get(parsed.scheme.partition("+")[0])
        if reader is None:
            return None
        name, value = reader(parsed)
    except Unreadable:
        return None
    present = {key: part for key, part in value.items() if part is not None and part not in ("", {})}
    return name, present | {key: text for key, text in parsed.options.items() if key not in present}


def _postgresql(url: ConnectionUrl) -> tuple[str, Value]:
    ports = {port or 5432 for _, port in url.hosts}
    if len(ports) > 1:  # one field holds the port, so hosts on different ports cannot be said
        raise Unreadable
    port = url.take("port")
    if port is not None and number_in(port) is None:
        raise Unreadable
    return "postgresql", {
        "host": ",".join(host for host, _ in url.hosts) or url.take("host", "hostaddr"),
        "port": int(port) if port else ports.pop(),
        "user": url.user or url.take("user"),
        "password": url.password or url.take("password"),
        "dbname": url.path or url.take("dbname"),
        "sslmode": url.take("sslmode"),
    }


def _mysql(url: ConnectionUrl) -> tuple[str, Value]:
    return "mysql", {
        "host": url.host,
        "port": url.port or 3306,
        "user": url.user or url.take("user"),
        "password": url.password or url.take("password"),
        "database": url.path,
        "ssl": url.take_bool("ssl-mode", "sslmode", "ssl", "tls", "useSSL"),
    }


def _sql_server(url: ConnectionUrl) -> tuple[str, Value]:
    host, _, instance = url.host.partition("\\")
    database = url.take("database", "databaseName", "initial catalog")
    path = url.path
    if database is None:
        database, path = path, ""
    return "ms_sql_server", {
        "host": host,
        "port": url.port or 1433,
        "user": url.user or url.take("user", "username", "user id", "uid"),
        "password": url.password or url.take("password", "pwd"),
        "dbname": database,
        "instance_name": instance or url.take("instanceName") or path,
        "encrypt": url.take_bool("encrypt"),
        "trust_cert": url.take_bool("trustServerCertificate"),
        "integrated_auth": url.take_bool("integratedSecurity"),
    }


def _oracle(url: ConnectionUrl) -> tuple[str, Value]:
    service = url.take("service_name", "sid") or url.path
    where = f"{bracketed(url.host)}:{url.port or 1521}" if url.host else ""
    return "oracledb", {
        "database": f"{where}/{service}" if where and service else where or service,
        "user": url.user,
        "password": url.password,
    }


def _mongodb(url: ConnectionUrl) -> tuple[str, Value]:
    srv = url.scheme == "mongodb+srv"
    tls = url.take_bool("tls", "ssl")
    servers = [{"host": host} if srv else {"host": host, "port": port or 27017} for host, port in url.hosts if host]
    source, mechanism = url.take("authSource"), url.take("authMechanism")
    login = {
        "username": url.user,
        "password": url.password,
        "db": source or ("admin" if srv else url.path) or "admin",  # Atlas keeps its users in `admin`
        "mechanism": mechanism,
    }
    return "mongodb", {
        "db": url.path,
        "tls": srv if tls is None else tls,
        # The servers behind a name of this kind are found by DNS when it is used, not when it is pasted.
        "srv": True if srv else None,
        "servers": servers or None,
        "credential": _present(login) if url.user else None,
    }


def _redis(url: ConnectionUrl) -> tuple[str, Value]:
    number = number_in(url.path or url.take("db") or "0")
    if number is None:
        raise Unreadable
    password = url.password or url.take("password")
    login = {"username": None if url.user == "default" else url.user or None, "password": password}
    return "upstash" if url.host.endswith(".upstash.io") else "redis", {
        "db": number,
        "tls": url.scheme in {"rediss", "valkeys"},
        "servers": [{"host": host, "port": port or 6379} for host, port in url.hosts if host] or None,
        "credential": _present(login),
    }


def _clickhouse(url: ConnectionUrl) -> tuple[str, Value]:
    secure = url.take_bool("secure")
    tls = url.scheme == "clickhouses" or url.port in {8443, 9440, 443} if secure is None else secure
    # The native protocol's ports stand for the HTTP ones, which is what the resource is about.
    port = {None: 8443 if tls else 8123, 9000: 8123, 9440: 8443}.get(url.port, url.port)
    return "clickhouse", {
        "host": f"{'https' if tls else 'http'}://{bracketed(url.host)}:{port}" if url.host else None,
        "username": url.user or url.take("user", "username"),
        "password": url.password or url.take("password"),
        "database": url.path,
    }


def _snowflake(url: ConnectionUrl) -> tuple[str, Value]:
    database, _, schema = url.path.partition("/")
    token = url.take("token")
    return "snowflake" if token is None else "snowflake_oauth", {
        "account_identifier": url.host.removesuffix(".snowflakecomputing.com"),
        "username": url.user,
        "password": url.password,
        "token": token,
        "database": database or url.take("database", "db"),
        "schema": schema or url.take("schema"),
        "warehouse": url.take("warehouse"),
        "role": url.take("role"),
    }


def _bigquery(url: ConnectionUrl) -> tuple[str, Value]:
    return "bigquery", {"project_id": url.host, "dataset": url.path}


def _s3(url: ConnectionUrl) -> tuple[str, Value]:
    """`s3://bucket/…`, or `s3://key:secret@endpoint:port/bucket`: with a login and a path the host is the endpoint."""
    region = url.take("region") or "us-east-1"
    endpoint, tls, port = url.take("endpoint", "endpoint_url"), url.take_bool("useSSL", "secure"), url.port
    bucket, prefix = url.host, url.path
    if url.user and url.path and not endpoint:
        endpoint, (bucket, _, prefix) = url.host, url.path.partition("/")
    if endpoint:
        scheme, _, where = endpoint.rpartition("://")
        host, given = parse_host(where.strip("/"))
        endpoint, port = bracketed(host), given or port
        tls = scheme != "http" if tls is None else tls
    path_style = url.take_bool("use_path_style", "pathStyle", "s3ForcePathStyle")
    return "s3", {
        "bucket": bucket,
        "region": region,
        "useSSL": True if tls is None else tls,
        "endPoint": endpoint or f"s3.{region}.amazonaws.com",
        "accessKey": url.user or url.take("access_key", "access_key_id"),
        "secretKey": url.password or url.take("secret_key", "secret_access_key"),
        "token": url.take("session_token"),
        "pathStyle": bool(endpoint) if path_style is None else path_style,
        "port": port,
        "prefix": prefix,
    }


def _google_storage(url: ConnectionUrl) -> tuple[str, Value]:
    return "gcloud_storage", {"bucket": url.host, "prefix": url.path}


def _neo4j(url: ConnectionUrl) -> tuple[str, Value]:
    address = f"{url.scheme}://{bracketed(url.host)}:{url.port or 7687}"
    login: Value = {"username": url.user, "password": url.password}
    return "neo4j", {"uri": address if url.host else None, **login, "database": url.path}


def _libsql(url: ConnectionUrl) -> tuple[str, Value]:
    where = f"libsql://{bracketed(url.host)}" + (f":{url.port}" if url.port else "")
    return "libsql", {"url": where, "authToken": url.take("authToken") or url.password}


def _smtp(url: ConnectionUrl) -> tuple[str, Value]:
    port = url.port or (465 if url.scheme == "smtps" else 587)
    return "smtp", {"host": url.host, "port": port, "user": url.user, "password": url.password}


def _amqp(url: ConnectionUrl) -> tuple[str, Value]:
    tls = url.scheme == "amqps"
    port = url.port or (5671 if tls else 5672)
    login: Value = {"username": url.user, "password": url.password}
    return "amqp", {"host": url.host, "port": port, **login, "vhost": url.path or "/", "tls": tls}


def _mqtt(url: ConnectionUrl) -> tuple[str, Value]:
    tls = url.scheme == "mqtts"
    login = _present({"username": url.user, "password": url.password})
    port = url.port or (8883 if tls else 1883)
    return "mqtt", {"broker": url.host, "port": port, "credentials": login, "tls": {"enabled": tls}}


def _brokers(url: ConnectionUrl, *, port: int) -> list[str] | None:
    return [f"{bracketed(host)}:{given or port}" for host, given in url.hosts if host] or None


def _kafka(url: ConnectionUrl) -> tuple[str, Value]:
    security: Value = {"label": "PLAINTEXT"}
    if url.user:
        security = {"label": "SASL_SSL", "username": url.user, "password": url.password or ""}
    return "kafka", {"brokers": _brokers(url, port=9092), "security": security}


def _nats(url: ConnectionUrl) -> tuple[str, Value]:
    auth: Value = {"label": "NO_AUTH"}
    if url.user and url.password is not None:
        auth = {"label": "CREDENTIALS", "username": url.user, "password": url.password}
    elif url.user:
        auth = {"label": "TOKEN", "token": url.user}
    return "nats", {"servers": _brokers(url, port=4222), "auth": auth}


def _remote(name: str, port: int, *, tls: bool | None = None) -> Callable[[ConnectionUrl], tuple[str, Value]]:
    def read(url: ConnectionUrl) -> tuple[str, Value]:
        login: Value = {"username": url.user, "password": url.password}
        return name, {"host": url.host, "port": url.port or port, **login, "tls": tls, "path": url.path}

    return read


def _present(value: Mapping[str, object]) -> Value:
    return {key: part for key, part in value.items() if part is not None}


_READERS: Final[dict[str, Callable[[ConnectionUrl], tuple[str, Value]]]] = {
    **dict.fromkeys(["postgres", "postgresql"], _postgresql),
    **dict.fromkeys(["mysql", "mariadb"], _mysql),
    **dict.fromkeys(["sqlserver", "mssql"], _sql_server),
    "oracle": _oracle,
    **dict.fromkeys(["mongodb", "mongodb+srv"], _mongodb),
    **dict.fromkeys(["redis", "rediss", "valkey", "valkeys"], _redis),
    **dict.fromkeys(["clickhouse", "clickhouses"], _clickhouse),
    "snowflake": _snowflake,
    "bigquery": _bigquery,
    "s3": _s3,
    "gs": _google_storage,
    **dict.fromkeys(["neo4j", "neo4j+s", "bolt", "bolt+s"], _neo4j),
    "libsql": _libsql,
    **dict.fromkeys(["smtp", "smtps"], _smtp),
    **dict.fromkeys(["amqp", "amqps"], _amqp),
    **dict.fromkeys(["mqtt", "mqtts"], _mqtt),
    "kafka": _kafka,
    "nats": _nats,
    "ftp": _remote("ftp", 21, tls=False),
    "ftps": _remote("ftp", 990, tls=True),
    "sftp": _remote("sftp", 22),
    "ssh": _remote("ssh", 22),
}
