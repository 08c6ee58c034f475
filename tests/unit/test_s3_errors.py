"""What answers of S3 servers that no test server gives come to mean."""

import pytest

from tidemill.model.errors import (
    InvalidKey,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    TidemillError,
    Unavailable,
    Unsupported,
)
from tidemill.stores.objects.remote.http import Answer
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.errors import error_of

CONFIG = S3Config.of(
    {
        "bucket": "data",
        "region": "us-east-1",
        "accessKey": "AKIDEXAMPLE",
        "secretKey": "the-secret",
        "token": "the-token",
    }
)


def said(status: int, code: str, rest: str = "", headers: dict[str, str] | None = None) -> TidemillError:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code>{rest}</Error>"
    return error_of(Answer(status, headers or {}, body.encode()), CONFIG, "read the object 'a'")


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (
            said(301, "PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-1"}),
            StorageMisconfigured,
            "eu-west-1",
        ),
        (said(301, "PermanentRedirect", "<Endpoint>e.example</Endpoint>"), StorageMisconfigured, "at e.example"),
        (said(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), StorageMisconfigured, "eu-west-1"),
        (said(400, "ExpiredToken"), StorageDenied, "renew"),
        (said(403, "AccessDenied", "<Message>no the-secret AKIDEXAMPLE</Message>"), StorageDenied, "read the object"),
        (said(403, "XMinioAdminBucketQuotaExceeded"), StorageFull, "Quota"),
        (said(507, "XMinioStorageFull"), StorageFull, "Full"),
        (said(503, "SlowDown"), Unavailable, "SlowDown"),
        (said(500, "Whatever"), Unavailable, "Whatever"),
        (said(400, "Whatever"), StorageMisconfigured, "Whatever"),
        (said(501, "NotImplemented"), Unsupported, "NotImplemented"),
        (said(400, "XMinioInvalidObjectName"), InvalidKey, "InvalidObjectName"),
        (error_of(Answer(302, {}, b""), CONFIG, "x"), StorageMisconfigured, "endPoint"),
        (error_of(Answer(405, {}, b"<html>no</html"), CONFIG, "x"), StorageMisconfigured, "endPoint"),
        (error_of(Answer(400, {}, b"<!DOCTYPE html><html/>"), CONFIG, "x"), StorageMisconfigured, "endPoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_says_what_to_do(error: TidemillError, kind: type[TidemillError], advice: str) -> None:
    assert type(error) is kind
    assert advice in str(error)
    for secret in ("the-secret", "the-token", "AKIDEXAMPLE"):
        assert secret not in str(error)


@pytest.mark.parametrize(
    ("date", "advice"),
    [("Fri, 01 Jan 2021 00:00:00 GMT", "ahead"), ("Fri, 01 Jan 2100 00:00:00 GMT", "behind"), ("", "15 minutes")],
)
def test_a_wrong_clock_is_told_with_how_wrong_it_is(date: str, advice: str) -> None:
    error = said(403, "RequestTimeTooSkewed", headers={"date": date})
    assert type(error) is StorageMisconfigured
    assert advice in str(error)
