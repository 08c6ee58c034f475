"""One frozen `Settings`, read once from the environment: nothing else in Tidemill reads environment variables."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from tidemill.model.errors import ConfigurationError

PREFIX: Final = "TIDEMILL_"
MIB: Final = 1024 * 1024
LEAST_INLINE_LOG_UNITS: Final = 16 * 1024
"""The index that finds long logs (`job_log_long`) has these only."""
DATA_DIR: Final = Path(".tidemill")


def _setting(default: Any, doc: str, *, variable: str = "", secret: bool = False) -> Any:
    """A field with its one-line doc; `variable` where the name is not `TIDEMILL_<FIELD>`."""
    return field(default=default, metadata={"doc": doc, "variable": variable, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with units in the names. `from_environment` reads and checks it whole."""

    data_dir: Path = _setting(DATA_DIR, "Directory of the embedded database, local objects, keys and caches.")
    database_url: str = _setting(
        "", "Postgres 14 or later to use instead of the embedded one.", variable="DATABASE_URL", secret=True
    )
    database_pool_size: int = _setting(10, "Most connections of one process to the database.")
    host: str = _setting("127.0.0.1", "Address that the server listens on.")
    port: int = _setting(8000, "Port that the server listens on; 0 takes a free one.")
    s3_port: str = _setting(
        "auto",
        "Port of the S3 endpoint; 0 takes a free one, 'off' none, 'auto' 9000 or a free one where that is taken.",
    )
    base_url: str = _setting(
        "", "Public URL of the server, without a path; used in links. Default: from host and port."
    )
    internal_url: str = _setting("", "http:// URL by which workers reach the server. Default: the port on 127.0.0.1.")
    trusted_proxies: str = _setting(
        "", "Addresses or CIDR of reverse proxies whose X-Forwarded-For and -Proto hold, separated by commas."
    )
    root_key_file: Path | None = _setting(None, "File with the root key. Default: keys/root.key in the data directory.")
    root_key: str = _setting("", "The root key itself, base64, instead of a file.", secret=True)
    objects_url: str = _setting(
        "",
        "Bucket for large values and storages that need no set-up (s3://, gs:// or az:// with a prefix). "
        "Default: folders in the data directory.",
    )
    aws_region: str = _setting("", "Region of the bucket of an s3:// URL.", variable="AWS_REGION")
    aws_endpoint_url: str = _setting(
        "", "Endpoint of that bucket, where it is not Amazon's.", variable="AWS_ENDPOINT_URL"
    )
    aws_access_key_id: str = _setting("", "Access key of that bucket.", variable="AWS_ACCESS_KEY_ID")
    aws_secret_access_key: str = _setting(
        "", "Secret access key of that bucket.", variable="AWS_SECRET_ACCESS_KEY", secret=True
    )
    aws_session_token: str = _setting("", "Session token of temporary keys.", variable="AWS_SESSION_TOKEN", secret=True)
    aws_role_arn: str = _setting("", "Role that opens that bucket, in place of keys.", variable="AWS_ROLE_ARN")
    aws_web_identity_token_file: Path | None = _setting(
        None, "File with the token by which that role is taken on.", variable="AWS_WEB_IDENTITY_TOKEN_FILE"
    )
    aws_endpoint_url_sts: str = _setting(
        "", "Where roles are taken on, if not at Amazon's.", variable="AWS_ENDPOINT_URL_STS"
    )
    google_credentials: Path | None = _setting(
        None, "Key file of the service account for a gs:// URL.", variable="GOOGLE_APPLICATION_CREDENTIALS"
    )
    google_storage_url: str = _setting(
        "", "Endpoint of that bucket, where it is not Google's.", variable="STORAGE_EMULATOR_HOST"
    )
    azure_account: str = _setting("", "Storage account of an az:// URL.", variable="AZURE_STORAGE_ACCOUNT_NAME")
    azure_key: str = _setting("", "Access key of that account.", variable="AZURE_STORAGE_ACCOUNT_KEY", secret=True)
    azure_sas_token: str = _setting(
        "", "Shared access signature for that container.", variable="AZURE_STORAGE_SAS_TOKEN", secret=True
    )
    azure_endpoint_url: str = _setting(
        "", "Endpoint of that account, where it is not Azure's usual one.", variable="AZURE_STORAGE_ENDPOINT"
    )
    azure_tenant_id: str = _setting("", "Tenant of the identity for that container.", variable="AZURE_TENANT_ID")
    azure_client_id: str = _setting("", "Client id of that identity.", variable="AZURE_CLIENT_ID")
    azure_client_secret: str = _setting("", "Secret of that identity.", variable="AZURE_CLIENT_SECRET", secret=True)
    azure_federated_token_file: Path | None = _setting(
        None, "File with the token that proves that identity.", variable="AZURE_FEDERATED_TOKEN_FILE"
    )
    azure_authority_host: str = _setting(
        "", "Where identities are proven, if not at Azure's usual login.", variable="AZURE_AUTHORITY_HOST"
    )
    objects_identity: str = _setting(
        "settings",
        "'settings': the bucket is opened by the credentials above; 'machine': by those that the machine or container "
        "lends.",
    )
    aws_metadata_url: str = _setting(
        "", "Metadata service of the machine.", variable="AWS_EC2_METADATA_SERVICE_ENDPOINT"
    )
    aws_container_credentials_url: str = _setting(
        "", "Where a container is lent keys.", variable="AWS_CONTAINER_CREDENTIALS_FULL_URI"
    )
    aws_container_credentials_path: str = _setting(
        "", "The same as a path of Amazon's own service.", variable="AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
    )
    aws_container_token_file: Path | None = _setting(
        None, "File with what that service wants to see.", variable="AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    )
    azure_metadata_url: str = _setting(
        "", "Metadata service of the machine.", variable="AZURE_POD_IDENTITY_AUTHORITY_HOST"
    )
    azure_identity_endpoint: str = _setting("", "Where a container is lent tokens.", variable="IDENTITY_ENDPOINT")
    azure_identity_header: str = _setting(
        "", "What that service wants to see.", variable="IDENTITY_HEADER", secret=True
    )
    google_metadata_host: str = _setting("", "Metadata service of the machine.", variable="GCE_METADATA_HOST")
    token_files: str = _setting(
        "",
        "Files with identity tokens, separated by commas, that resources of workspaces may name (federatedTokenFile): "
        "whoever may write a resource then acts by them.",
    )
    storage_dir: Path | None = _setting(
        None, "Storages of workspaces on disk. Default: storage/ in the data directory."
    )
    storage_roots: str = _setting(
        "", "Folders, separated by commas, below which superadmins may put storages of their own (root_path)."
    )
    inline_value_bytes: int = _setting(256 * 1024, "Results and arguments above this size move to the object store.")
    max_value_bytes: int = _setting(128 * MIB, "Hard limit of one result or one body of arguments.")
    max_log_bytes: int = _setting(16 * MIB, "Log kept per job; what is beyond is cut with a visible marker.")
    inline_log_units: int = _setting(
        64 * 1024, "Logs of ended jobs with more UTF-16 units than this move to the object store; 16384 at least."
    )
    log_pack_after_s: float = _setting(3600.0, "So long after the end of their job long logs move there.")
    worker_slots: int = _setting(8, "Jobs that one worker runs at a time.")
    warm_sandboxes: int = _setting(8, "Parked Python interpreters that one worker keeps; 0 starts one for each job.")
    worker_tags: str = _setting("", "Tags that the worker serves, separated by commas. Default: all standard tags.")
    worker_group: str = _setting("default", "Name of the group that the worker belongs to.")
    job_memory_bytes: int = _setting(2048 * MIB, "Memory limit of one job.")
    job_processes: int = _setting(256, "Limit of processes and threads of one job.")
    job_file_bytes: int = _setting(1024 * MIB, "Size limit of one file that a job writes.")
    job_tmp_bytes: int = _setting(512 * MIB, "Size limit of a job's temporary files.")
    job_timeout_s: int = _setting(3600, "Longest run of a job without a timeout of its own.")
    job_egress_allow: str = _setting(
        "", "Networks beyond the public internet that jobs may reach: CIDR[:port], separated by commas."
    )
    job_network: str = _setting("brokered", "'brokered': outgoing connections are checked; 'open': the host's network.")
    resource_egress: str = _setting(
        "auto",
        "How far resources may lead the server: 'public', 'private' (and networks of your own), 'host' (and this "
        "machine); 'auto': 'host' where the server is for this machine alone, else 'private'.",
    )
    resource_egress_allow: str = _setting(
        "", "What resources may lead to beyond that: CIDR[:port], separated by commas."
    )
    wait_result_timeout_s: int = _setting(60, "How long run_wait_result waits before it answers with an error.")
    inline_queries: int = _setting(
        64,
        "Queries that one server runs itself at a time, inline or for who looks into a database; more are answered "
        "with 429 at once.",
    )
    heartbeat_s: float = _setting(5.0, "Interval of a worker's heartbeat for its jobs.")
    lease_s: float = _setting(30.0, "A running job whose heartbeat is older than this is taken away.")
    self_kill_s: float = _setting(20.0, "A worker kills its jobs after this time without a confirmed heartbeat.")
    stop_grace_s: float = _setting(25.0, "How long running jobs may go on after SIGTERM.")
    audit_retention_days: int = _setting(365, "Days that audit records are kept.")
    job_retention_days: int = _setting(
        90, "Days that completed jobs and their logs, and what ran in the console, are kept."
    )
    history_versions: int = _setting(100, "Versions kept for each variable, resource and state.")
    session_days: int = _setting(7, "Days that a browser session lasts.")
    log_level: str = _setting("info", "debug, info, warning or error.")
    log_format: str = _setting("auto", "'json', 'text', or 'auto': text on a terminal.")
    unisolated: bool = _setting(False, "Run jobs without a sandbox.")
    unsafe_durability: bool = _setting(False, "Start on a database that may lose acknowledged work.")
    failpoint: str = _setting("", "For tests: where to die, wait or fail.", variable="FAILPOINT")
    build_environment: tuple[tuple[str, str], ...] = _setting((), "Settings of uv and proxies that builds are given.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> Self:
        """Settings from `TIDEMILL_…` variables; `overrides` (None is no override) win over them.

        Raises:
            ConfigurationError: a variable is unknown or its value does not fit; the message names it.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, object] = {"data_dir": DATA_DIR}  # absolute below: what works in it may work elsewhere
        known = {_variable(item): item for item in fields(cls)}
        for name in environ:
            if name.startswith(PREFIX) and name not in known and name not in IGNORED:
                raise ConfigurationError(f"{name} is not a setting; `tidemill config` lists them all.")
        for name, item in known.items():
            if environ.get(name) and item.name != "build_environment":
                values[item.name] = _parse(name, environ[name], item.default)
        values["build_environment"] = tuple(
            (name, value) for name, value in sorted(environ.items()) if name.startswith("UV_") or name in _FOR_BUILDS
        )
        values.update({key: value for key, value in overrides.items() if value is not None})
        values = {key: value.absolute() if isinstance(value, Path) else value for key, value in values.items()}
        settings = cls(**values)  # type: ignore[arg-type]  # the fields were checked one by one above
        for fault in _faults(settings):
            raise ConfigurationError(fault)
        return settings

    def to_environment(self) -> dict[str, str]:
        """The variables from which `from_environment` makes these settings again: for a child process."""
        environment = dict(self.build_environment)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "build_environment" and value != item.default:
                environment[_variable(item)] = str(value)
        return environment

    def shown(self, environ: Mapping[str, str] | None = None) -> list["Shown"]:
        """All settings as a user may see them: secrets hidden, each with where it comes from."""
        environ = os.environ if environ is None else environ
        return [_shown(item, getattr(self, item.name), environ) for item in fields(self)]

    @property
    def storage_folder(self) -> Path:
        """Where the storages of workspaces are kept that need no bucket."""
        return self.storage_dir or self.data_dir / "storage"

    @property
    def storage_root_folders(self) -> list[Path]:
        """`storage_roots` as paths."""
        return [Path(text) for part in self.storage_roots.split(",") if (text := part.strip())]

    @property
    def token_file_paths(self) -> list[Path]:
        """`token_files` as paths."""
        return [Path(text) for part in self.token_files.split(",") if (text := part.strip())]

    @property
    def root_key_path(self) -> Path:
        """Where the root key is read from, and made on the first start."""
        return self.root_key_file or self.data_dir / "keys" / "root.key"


_FOR_BUILDS: Final = frozenset(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
    for name in (upper, upper.lower())
)
IGNORED: Final = frozenset({"TIDEMILL_SOAK", "TIDEMILL_TEST_DATABASE_URL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting for people: `value` and `default` as texts, "" for none."""

    variable: str
    value: str
    default: str
    source: Literal["default", "environment"]
    doc: str
    secret: bool


def _variable(item: "Field[Any]") -> str:
    """The environment variable of a field."""
    return item.metadata["variable"] or PREFIX + item.name.upper()


def _shown(item: "Field[Any]", value: object, environ: Mapping[str, str]) -> Shown:
    secret: bool = item.metadata["secret"]
    if item.name == "build_environment":  # may hold passwords of proxies and indexes: names only
        assert isinstance(value, tuple)
        text, variable = ", ".join(name for name, _ in value), "UV_*, *_PROXY, SSL_CERT_*"
        return Shown(
            variable=variable,
            value=text,
            default="",
            source="environment" if value else "default",
            doc=item.metadata["doc"],
            secret=False,
        )
    variable = _variable(item)
    return Shown(
        variable=variable,
        value="(hidden)" if secret and value else _text(value),
        default=_text(item.default),
        source="environment" if environ.get(variable) else "default",
        doc=item.metadata["doc"],
        secret=secret,
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


_KINDS: Final[dict[type, str]] = {bool: "true or false", int: "a whole number", float: "a number"}
_CHOICES: Final = {
    "job_network": ("brokered", "open"),
    "resource_egress": ("auto", "public", "private", "host"),
    "objects_identity": ("settings", "machine"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("auto", "json", "text"),
}
_MAY_BE_ZERO: Final = frozenset({"port", "log_pack_after_s", "stop_grace_s", "warm_sandboxes"})


def _faults(settings: Settings) -> Iterator[str]:
    """What does not fit, one sentence each."""
    for item in fields(settings):
        name, value = _variable(item), getattr(settings, item.name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and (value < 0 or (value == 0 and item.name not in _MAY_BE_ZERO)):
            yield f"{name} must be above 0, not {value}."
        choices = _CHOICES.get(item.name, ())
        if choices and value not in choices:
            yield f"{name} must be one of {', '.join(choices)}, not {value!r}."
    if settings.port > 65535:
        yield f"TIDEMILL_PORT must be at most 65535, not {settings.port}."
    if settings.s3_port not in {"auto", "off"} and not _is_port(settings.s3_port):
        yield f"TIDEMILL_S3_PORT must be a port, 'auto' or 'off', not {settings.s3_port!r}."
    if not settings.heartbeat_s < settings.self_kill_s < settings.lease_s:
        yield (
            "TIDEMILL_HEARTBEAT_S must be shorter than TIDEMILL_SELF_KILL_S, and that shorter than TIDEMILL_LEASE_S: "
            "else a job could run twice at once."
        )
    if settings.inline_log_units < LEAST_INLINE_LOG_UNITS:
        yield f"TIDEMILL_INLINE_LOG_UNITS must be at least {LEAST_INLINE_LOG_UNITS}, not {settings.inline_log_units}."
    if settings.root_key and settings.root_key_file:
        yield "Set TIDEMILL_ROOT_KEY or TIDEMILL_ROOT_KEY_FILE, not both."
    yield from _url_faults(settings)
    yield from _list_faults(settings)


def _list_faults(settings: Settings) -> Iterator[str]:
    for root in settings.storage_root_folders:
        if not root.is_absolute():
            yield f"TIDEMILL_STORAGE_ROOTS: '{root}' is not the absolute path of a folder."
    for text in filter(None, map(str.strip, settings.trusted_proxies.split(","))):
        if not _is_network(text):
            yield f"TIDEMILL_TRUSTED_PROXIES: {text!r} is not an address or a network, as in 10.0.0.5 or 10.0.0.0/24."


def _url_faults(settings: Settings) -> Iterator[str]:
    base = urlsplit(settings.base_url)
    if settings.base_url and (base.scheme not in {"http", "https"} or not base.hostname or base.path.strip("/")):
        yield f"TIDEMILL_BASE_URL={settings.base_url!r} must be http(s)://host[:port], without a path."
    internal = urlsplit(settings.internal_url)
    if settings.internal_url and (internal.scheme != "http" or not internal.hostname):
        yield f"TIDEMILL_INTERNAL_URL={settings.internal_url!r} must be http://host[:port] of the server."


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65535


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _parse(name: str, text: str, default: object) -> object:
    """`text` in the type of the field's default."""
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            return float(text)
    except (ValueError, KeyError) as error:
        raise ConfigurationError(f"{name}={text!r} is not {_KINDS[type(default)]}.") from error
    return Path(text) if isinstance(default, Path) or default is None else text
