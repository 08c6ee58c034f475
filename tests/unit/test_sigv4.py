"""Signatures: ours are those of botocore, and only what was signed passes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine import sigv4, sigv4_claims
from tidemill.engine.s3_faults import FAULTS, S3Fault
from tidemill.engine.sigv4 import Keys, Request, Scope

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KEYS = Keys("TMKEXAMPLE", "a secret/with+signs")
HOST = "tidemill.example:9000"
EMPTY = sigv4.EMPTY_SHA256

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
paths = texts.map(lambda text: "/bucket/" + text)
queries = st.lists(
    st.tuples(st.sampled_from(["prefix", "marker", "partNumber", "a b"]), texts),
    max_size=3,
    unique_by=lambda pair: pair[0],
)
metadata = st.lists(
    st.tuples(
        st.sampled_from(["x-amz-meta-a", "x-amz-meta-b", "content-type"]),
        st.text("abc  ,:=", min_size=1).map(str.strip),
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the clock itself."""
    for name in ("get_current_datetime", "get_current_time"):
        monkeypatch.setattr(f"botocore.auth.{name}", lambda *_: NOW.replace(tzinfo=None), raising=False)


def of_botocore(request: Request, payload: str, keys: Keys = KEYS) -> AWSRequest:
    query = "&".join(f"{quote(n, safe='-._~')}={quote(v, safe='-._~')}" for n, v in request.query)
    url = f"http://{HOST}{quote(request.path, safe='/-._~')}" + (f"?{query}" if query else "")
    made = AWSRequest(request.method, url, headers=dict(request.headers))
    made.context["payload"] = payload
    return made


class HandedIn(S3SigV4Auth):
    """botocore's signer with the hash of the body handed in."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])


@given(
    method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD"]),
    path=paths,
    query=queries,
    headers=metadata,
    token=st.sampled_from(["", "session"]),
    payload=st.sampled_from([EMPTY, sigv4.UNSIGNED, sigv4.STREAMING_TRAILER]),
)
def test_headers_are_signed_as_botocore_does(
    method: str, path: str, query: list[tuple[str, str]], headers: list[tuple[str, str]], token: str, payload: str
) -> None:
    request = Request(method, path, query, [("host", HOST), *headers])
    keys = replace(KEYS, token=token)
    ours = sigv4.sign(request, keys, region="eu-west-1", moment=NOW, payload_hash=payload)

    theirs = of_botocore(request, payload)
    HandedIn(Credentials(keys.access_key, keys.secret_key, keys.token or None), "s3", "eu-west-1").add_auth(theirs)

    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-date"] == theirs.headers["X-Amz-Date"]


@given(path=paths, query=queries, token=st.sampled_from(["", "session"]))
def test_presigned_queries_are_signed_as_botocore_does(path: str, query: list[tuple[str, str]], token: str) -> None:
    request = Request("GET", path, query, [("host", HOST)])
    keys = replace(KEYS, token=token)
    ours = sigv4.presign(request, keys, region="us-east-1", moment=NOW, expires_s=60)

    theirs = of_botocore(request, sigv4.UNSIGNED)
    S3SigV4QueryAuth(Credentials(keys.access_key, keys.secret_key, keys.token or None), "s3", "us-east-1", 60).add_auth(
        theirs
    )

    assert sorted(parse_qsl(ours)) == sorted(parse_qsl(urlsplit(theirs.url).query))


# The example of "Signature calculations for the Authorization header: transferring payload in multiple chunks"
# in Amazon's documentation of S3.
EXAMPLE = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXAMPLE_SCOPE = Scope("20130524", "us-east-1")
EXAMPLE_SIGNATURES = (
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)


def test_chunks_are_signed_as_in_amazons_example() -> None:
    request = Request(
        "PUT",
        "/examplebucket/chunkObject.txt",
        [],
        [
            ("host", "s3.amazonaws.com"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
        ],
    )
    moment = datetime(2013, 5, 24, tzinfo=UTC)
    signed = sigv4.sign(request, EXAMPLE, region="us-east-1", moment=moment, payload_hash=sigv4.STREAMING)
    assert signed["authorization"].endswith(EXAMPLE_SIGNATURES[0])

    key = sigv4.signing_key(EXAMPLE.secret_key, EXAMPLE_SCOPE)
    previous = EXAMPLE_SIGNATURES[0]
    for body, wanted in zip((b"a" * 65536, b"a" * 1024, b""), EXAMPLE_SIGNATURES[1:], strict=True):
        text = sigv4.chunk_to_sign(
            "20130524T000000Z", EXAMPLE_SCOPE, previous=previous, sha256=sha256(body).hexdigest()
        )
        previous = sigv4.signature(key, text)
        assert previous == wanted


REQUEST = Request(
    "PUT", "/bucket/a key", [("partNumber", "1"), ("uploadId", "u")], [("host", HOST), ("x-amz-meta-a", "1")]
)


def signed_by_header(request: Request = REQUEST, *, moment: datetime = NOW, payload: str = EMPTY) -> Request:
    added = sigv4.sign(request, KEYS, region="any", moment=moment, payload_hash=payload)
    return replace(request, headers=[*request.headers, *added.items()])


def signed_by_query(request: Request = REQUEST, *, moment: datetime = NOW, expires_s: int = 60) -> Request:
    query = sigv4.presign(request, KEYS, region="any", moment=moment, expires_s=expires_s)
    return replace(request, query=parse_qsl(query, strict_parsing=True))


def refusal(request: Request, *, secret: str = KEYS.secret_key, now: datetime = NOW) -> str:
    """The code that a request is refused with, "" for none."""
    try:
        claim = sigv4_claims.read(request)
        sigv4_claims.check_time(claim, now)
        sigv4_claims.check(claim, request, sigv4.signing_key(secret, claim.scope))
    except S3Fault as fault:
        return fault.s3_code
    return ""


SIGNED = {"header": signed_by_header, "query": signed_by_query}


@pytest.mark.parametrize("way", SIGNED)
def test_what_was_signed_passes(way: str) -> None:
    assert refusal(SIGNED[way]()) == ""


@pytest.mark.parametrize("way", SIGNED)
def test_another_secret_does_not_pass(way: str) -> None:
    assert refusal(SIGNED[way](), secret="another") == "SignatureDoesNotMatch"


@pytest.mark.parametrize("way", SIGNED)
@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/bucket/b key"},
        {"path": "/bucket/a%20key"},
        {"path": "/bucket//a key"},
        {"path": "/bucket/x/../a key"},
    ],
    ids=str,
)
def test_another_request_does_not_pass(way: str, change: dict[str, str]) -> None:
    assert refusal(replace(SIGNED[way](), **change)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("way", SIGNED)
def test_another_host_or_query_does_not_pass(way: str) -> None:
    signed = SIGNED[way]()
    other_host = [(n, "evil.example" if n == "host" else v) for n, v in signed.headers]
    assert refusal(replace(signed, headers=other_host)) == "SignatureDoesNotMatch"
    assert refusal(replace(signed, query=[*signed.query, ("acl", "")])) == "SignatureDoesNotMatch"
    assert (
        refusal(replace(signed, query=[(n, "2" if n == "partNumber" else v) for n, v in signed.query]))
        == "SignatureDoesNotMatch"
    )


@pytest.mark.parametrize("way", SIGNED)
def test_a_header_that_changes_the_meaning_must_be_signed(way: str) -> None:
    signed = SIGNED[way]()
    assert refusal(replace(signed, headers=[*signed.headers, ("x-amz-copy-source", "/other/key")])) == "AccessDenied"
    assert refusal(replace(signed, headers=[*signed.headers, ("x-tidemill", "1")])) == ""


@pytest.mark.parametrize("minutes", [-16, 16])
def test_the_clock_may_differ_by_15_minutes(minutes: int) -> None:
    assert refusal(signed_by_header(), now=NOW + timedelta(minutes=minutes)) == "RequestTimeTooSkewed"
    assert refusal(signed_by_header(), now=NOW + timedelta(minutes=minutes) * 14 / 16) == ""


def test_a_presigned_request_ends_when_it_says() -> None:
    assert refusal(signed_by_query(expires_s=60), now=NOW + timedelta(seconds=60)) == ""
    assert refusal(signed_by_query(expires_s=60), now=NOW + timedelta(seconds=61)) == "AccessDenied"
    assert refusal(signed_by_query(expires_s=60), now=NOW - timedelta(minutes=16)) == "AccessDenied"
    assert refusal(signed_by_query(expires_s=604_800), now=NOW + timedelta(days=7)) == ""
    assert refusal(signed_by_query(expires_s=604_801)) == "AuthorizationQueryParametersError"
    longer = signed_by_query(expires_s=60)
    longer = replace(longer, query=[(n, "600" if n == "X-Amz-Expires" else v) for n, v in longer.query])
    assert refusal(longer) == "SignatureDoesNotMatch"


def test_a_credential_alone_is_not_enough() -> None:
    """Neither the query of a presigned request without its signature, nor that with a header beside it."""
    query = [pair for pair in signed_by_query().query if pair[0] != "X-Amz-Signature"]
    assert refusal(replace(REQUEST, query=query)) == "AuthorizationQueryParametersError"
    both = signed_by_header(replace(REQUEST, query=query))
    assert refusal(both) == "InvalidArgument"
    assert refusal(REQUEST) == "AccessDenied"
    assert refusal(replace(REQUEST, headers=[("authorization", "AWS key:signature")])) == "InvalidRequest"


@given(st.text(max_size=60), st.sampled_from(["", "AWS4-HMAC-SHA256 "]))
def test_no_header_is_more_than_refused(text: str, start: str) -> None:
    assert refusal(replace(REQUEST, headers=[*REQUEST.headers, ("authorization", start + text)])) in FAULTS


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "X-Amz-Algorithm",
                "X-Amz-Credential",
                "X-Amz-Date",
                "X-Amz-Expires",
                "X-Amz-SignedHeaders",
                "X-Amz-Signature",
            ]
        ),
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["AWS4-HMAC-SHA256", "20260304T050607Z", "k/20260304/r/s3/aws4_request", "host", "60"]),
        ),
    )
)
def test_no_query_is_more_than_refused(query: dict[str, str]) -> None:
    assert refusal(replace(REQUEST, query=list(query.items()))) in FAULTS
