"""A private RSA key and the claims (JWT) that it signs: how services of clouds are shown who calls."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class KeyPair:
    """Signs by RS256."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def of(cls, pem: str, *, password: str = "") -> Self:
        """Of a private key in PEM form. `password` opens an encrypted one.

        Raises:
            ValueError: it is none; the message is the end of a sentence that begins with the name of its field.
        """
        try:
            key = load_pem_private_key(pem.encode(), password=password.encode() or None)
        except TypeError as error:
            needs = "is encrypted and needs its password" if not password else "is not encrypted, yet has a password"
            raise ValueError(needs) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError("is not a private key in PEM form, with its line breaks") from error
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("is not an RSA key")  # noqa: TRY004 - of the text, not of the caller
        return cls(key)

    def sign(self, text: str) -> bytes:
        """The signature of a text."""
        return self._key.sign(text.encode(), PKCS1v15(), SHA256())

    def token(self, claims: Mapping[str, object], **header: str) -> str:
        """The claims as a signed token; `header` is added to its head."""
        parts = ({"alg": "RS256", "typ": "JWT", **header}, claims)
        signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64(self.sign(signed))}"

    def fingerprint(self) -> str:
        """The digest of the public key, base64."""
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(public).digest()).decode()


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
