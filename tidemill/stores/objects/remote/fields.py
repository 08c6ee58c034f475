"""Reads the fields of a resource that describes a store; what is wrong is told by the name of the field."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tidemill.model.digits import number_of
from tidemill.model.errors import StorageMisconfigured

_USUAL_PORTS: Final = {"http": 80, "https": 443}


class Fields:
    """The value of a resource, read with care."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self._value = value

    def text(self, name: str, default: str = "") -> str:
        """A text without blanks around it; `default` where it is missing, empty or null."""
        found = self._found(name)
        if found is None:
            return default
        if not isinstance(found, str):
            raise StorageMisconfigured(f"The field {name} of the storage's resource is not a text.")
        return found.strip() or default

    def needed(self, name: str) -> str:
        """As `text`, and it must be there."""
        if found := self.text(name):
            return found
        raise StorageMisconfigured(f"The field {name} of the storage's resource is empty: fill it in.")

    def truth(self, name: str, *, default: bool) -> bool:
        found = self._found(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise StorageMisconfigured(f"The field {name} of the storage's resource is neither true nor false.")
        return found

    def number(self, name: str) -> int | None:
        found = self._found(name)
        if found is None or found == "":
            return None
        number = number_of(found)
        if number is None:
            raise StorageMisconfigured(f"The field {name} of the storage's resource is not a whole number.")
        return number

    def _found(self, name: str) -> object:
        if name not in self._value:
            for other in self._value:
                if other.lower() == name.lower():
                    raise StorageMisconfigured(
                        f"The storage's resource has a field {other} and none {name}: rename it."
                    )
        return self._value.get(name)

    def prefix(self) -> str:
        """The folder that all keys are below, with a slash at its end unless it is ""."""
        found = self.text("prefix").strip("/")
        return f"{found}/" if found else ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is. `host` as in a URL (IPv6 in brackets), `port` 0 for the usual one, `path` "" or `/…`."""

    scheme: str
    host: str
    port: int = 0
    path: str = ""

    @property
    def authority(self) -> str:
        """Host, and port where it is not the usual one: what goes into the header `Host`."""
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def is_address(self) -> bool:
        """An IP address or a name without dots, below which there are no further names."""
        try:
            ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return "." not in self.host
        return True


def endpoint(text: str, *, tls: bool, port: int | None = None) -> Endpoint:
    """Of a field that may hold a scheme, a port and a path besides the host. A scheme decides over `tls`.

    Raises:
        StorageMisconfigured: it holds something else.
    """
    scheme = "https" if tls else "http"
    try:
        parts = urlsplit(text if "://" in text else f"{scheme}://{text}")
        found = parts.port or port
        host = parts.hostname or ""
    except ValueError as error:
        raise StorageMisconfigured("The field endPoint of the storage's resource is no address.") from error
    if parts.scheme not in _USUAL_PORTS or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise StorageMisconfigured(
            "The field endPoint is a host, perhaps with scheme, port and path, and nothing else."
        )
    if any(not 0x20 < ord(character) < 0x7F for character in host + parts.path):
        raise StorageMisconfigured("The field endPoint holds characters that no address has.")
    name = f"[{host}]" if ":" in host else host
    shown = 0 if found == _USUAL_PORTS[parts.scheme] else found or 0
    return Endpoint(parts.scheme, name, shown, parts.path.rstrip("/"))
