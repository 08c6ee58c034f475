"""Reads the fields of a resource that describes a database; what is wrong is told by the name of the field."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from tidemill.model.digits import number_of
from tidemill.model.errors import BadRequest


class Fields:
    """The value of a resource, read with care. `kind` is its type's name, for the messages."""

    def __init__(self, value: Mapping[str, object], kind: str) -> None:
        self._value = value
        self._kind = kind

    def text(self, name: str, default: str = "") -> str:
        """A text without blanks around it; `default` where it is missing, empty or null."""
        return self._text(name).strip() or default

    def secret(self, name: str) -> str:
        """A text as it is: blanks belong to a password."""
        return self._text(name)

    def needed(self, name: str) -> str:
        """As `text`, and it must be there."""
        if found := self.text(name):
            return found
        raise self.wrong(name, "is empty: fill it in")

    def truth(self, name: str, *, default: bool) -> bool:
        found = self._value.get(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self.wrong(name, "is neither true nor false")
        return found

    def port(self, name: str, default: int) -> int:
        found = self._value.get(name)
        if found is None or found == "":
            return default
        number = number_of(found)
        if number is None:
            raise self.wrong(name, "is not a whole number")
        if not 0 < number < 65536:
            raise self.wrong(name, "is not a port: 1 to 65535")
        return number

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        found = self.text(name, default)
        if found not in choices:
            raise self.wrong(name, f"is none of {', '.join(choices)}")
        return found

    def certificate(self, name: str) -> str:
        """PEM of one or several certificates, or ""."""
        found = self.text(name)
        if found and "-----BEGIN CERTIFICATE-----" not in found:
            raise self.wrong(name, "is not in PEM form: it begins with -----BEGIN CERTIFICATE-----")
        return found

    def host(self, name: str, default: str = "") -> str:
        """A host's name or address; the sockets of this machine are not for users."""
        found = self.text(name, default) or self.needed(name)
        if found.startswith(("/", "@", "\\")) or any(part.strip().startswith(("/", "@")) for part in found.split(",")):
            raise self.wrong(name, "is a socket: give a host name or an IP address")
        if any(ord(character) <= 0x20 for character in found):
            raise self.wrong(name, "holds blanks or control characters")
        return found

    def origin(self, name: str, default: str) -> str:
        """Scheme, host and port of an address, `https` where it says none."""
        given = self.text(name)
        if not given:
            return default
        try:
            place = urlsplit(given if "://" in given else f"https://{given}")
            has_port = place.port is None or place.port > 0
        except ValueError as error:
            raise self.wrong(name, "is no address") from error
        if place.scheme not in {"http", "https"} or not place.hostname or not has_port or "@" in place.netloc:
            raise self.wrong(name, "is no address such as https://example.com:8443")
        return f"{place.scheme}://{place.netloc}"

    def wrong(self, name: str, what: str) -> BadRequest:
        """An error about a field, to be raised."""
        return BadRequest(f"The field {name} of the {self._kind} resource {what}.")

    def _text(self, name: str) -> str:
        found = self._value.get(name)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise self.wrong(name, "is not a text")
        if "\0" in found:
            raise self.wrong(name, "holds a NUL")
        return found
