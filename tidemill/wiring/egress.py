"""Where the server connects to for what users describe, as the settings say."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from tidemill.engine.egress import Egress, Reach
from tidemill.model.errors import ConfigurationError
from tidemill.settings import Settings

_HERE: Final = frozenset({"", "localhost"})


def egress_of(settings: Settings) -> Egress:
    """The rule.

    Raises:
        ConfigurationError: an entry of the allow list is not a network.
    """
    reach = settings.resource_egress
    if reach == "auto":
        reach = Reach.HOST if _is_for_this_machine(settings) else Reach.PRIVATE
    try:
        return Egress.parse(reach, settings.resource_egress_allow)
    except ConfigurationError as error:
        raise ConfigurationError(f"TIDEMILL_RESOURCE_EGRESS_ALLOW: {error}") from error


def _is_for_this_machine(settings: Settings) -> bool:
    """Whether only who is on this machine reaches the server: not where a proxy stands before it."""
    return all(map(_is_here, (settings.host, urlsplit(settings.base_url).hostname or ""))) and (
        not settings.trusted_proxies
    )


def _is_here(host: str) -> bool:
    try:
        return host in _HERE or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
