"""Reads identity tokens as a cloud does: by the public keys of their issuer, with nothing of our own."""

import base64
import json
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

Keys = dict[str, dict[str, str]]


async def published_keys(client: httpx.AsyncClient) -> Keys:
    """Key id -> key, found as a verifier finds them: from the name of the issuer on."""
    configuration = (await client.get("/api/oidc/.well-known/openid-configuration")).json()
    assert configuration["id_token_signing_alg_values_supported"] == ["RS256"]
    found = (await client.get(httpx.URL(configuration["jwks_uri"]).path)).json()
    return {each["kid"]: each for each in found["keys"]}


def verified(token: str, keys: Keys) -> dict[str, Any]:
    """What a token says; raises where it is not signed by one of `keys`."""
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in signed.split("."))
    assert header["alg"] == "RS256"
    jwk = keys[header["kid"]]
    numbers = RSAPublicNumbers(int.from_bytes(decoded(jwk["e"])), int.from_bytes(decoded(jwk["n"])))
    numbers.public_key().verify(decoded(signature), signed.encode(), PKCS1v15(), SHA256())
    return dict(claims)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
