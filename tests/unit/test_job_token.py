"""Tokens of jobs are JSON Web Tokens that nobody but the instance can make."""

import base64
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine import job_token
from tidemill.engine.job_token import JobToken

SECRET = b"s" * 32
JOB = UUID("018f0000-0000-7000-8000-000000000001")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@given(st.uuids(), st.integers(0, 10_000))
def test_a_token_says_what_it_was_made_for(job_id: UUID, attempt: int) -> None:
    token = job_token.issue(SECRET, job_id, attempt)
    assert job_token.read(SECRET, token) == JobToken(job_id, attempt)
    assert job_token.read(b"t" * 32, token) is None


def test_it_is_a_json_web_token_behind_its_prefix() -> None:
    header, claims, _ = job_token.issue(SECRET, JOB, 3).removeprefix("jwt_").split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    assert decoded == [{"alg": "HS256", "typ": "JWT"}, {"job": str(JOB), "attempt": 3}]


@pytest.mark.parametrize("header", [{"alg": "none", "typ": "JWT"}, {"alg": "HS512", "typ": "JWT"}, {"typ": "JWT"}, {}])
def test_another_algorithm_is_none(header: dict[str, str]) -> None:
    signed = f"jwt_{encoded(header)}.{encoded({'job': str(JOB), 'attempt': 1})}"
    assert job_token.read(SECRET, f"{signed}.{job_token.signature_of(SECRET, signed)}") is None
    assert job_token.read(SECRET, f"{signed}.") is None


@pytest.mark.parametrize("claims", [{}, {"job": "x", "attempt": 1}, {"job": str(JOB)}, [], "text"])
def test_other_claims_are_none(claims: object) -> None:
    head = job_token.issue(SECRET, JOB, 1).partition(".")[0]
    signed = f"{head}.{encoded(claims)}"
    assert job_token.read(SECRET, f"{signed}.{job_token.signature_of(SECRET, signed)}") is None


@given(st.text(max_size=80))
def test_anything_else_is_none(text: str) -> None:
    assert job_token.read(SECRET, text) is None
    assert job_token.read(SECRET, f"jwt_{text}") is None


@given(st.integers(0, 400), st.characters(min_codepoint=33, max_codepoint=126))
def test_another_character_makes_it_none(place: int, other: str) -> None:
    token = job_token.issue(SECRET, JOB, 1)
    place %= len(token)
    if token[place] != other:
        assert job_token.read(SECRET, token[:place] + other + token[place + 1 :]) is None
