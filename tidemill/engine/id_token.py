"""Identity tokens as OpenID Connect has them: JSON Web Tokens that others verify by our public keys (RS256)."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHM: Final = "RS256"
"""The one that all clouds take."""
LONGEST_S: Final = 48 * 3600.0
"""No token is good for longer."""


def signed(claims: Mapping[str, object], key: RSAPrivateKey, key_id: str) -> str:
    """The token that says `claims`."""
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key_id}
    text = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{text}.{_encoded(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def jwk_of(key: RSAPublicKey) -> dict[str, str]:
    """A public key as verifiers read it (RFC 7517). Its id is the thumbprint of RFC 7638."""
    numbers = key.public_numbers()
    needed = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    thumbprint = hashlib.sha256(json.dumps(needed, separators=(",", ":"), sort_keys=True).encode()).digest()
    return {**needed, "kid": _encoded(thumbprint), "alg": ALGORITHM, "use": "sig"}


def configuration(issuer: str) -> dict[str, object]:
    """What an issuer publishes of itself (OpenID Connect Discovery). It signs no one in: there is no authorization."""
    place = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "jwks_uri": f"{place}/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "scopes_supported": ["openid"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "email", "username", "workspace", "path", "job_id"],
    }


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
