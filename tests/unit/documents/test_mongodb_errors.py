"""What the driver of MongoDB raises, and the error of ours that it becomes."""

import pytest
from pymongo import errors as driver

from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed, TidemillError, Unsupported
from tidemill.stores.documents.mongodb_errors import translated


def refused(code: int, words: str) -> driver.OperationFailure:
    return driver.OperationFailure(words, code, {"errmsg": words, "codeName": "Name"})


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (refused(18, "Authentication failed."), ConnectionFailed, "refuses the login (Authentication failed)"),
        (refused(8000, "bad auth : Authentication failed."), ConnectionFailed, "refuses the login"),
        (refused(20, "Transaction numbers are only allowed on a replica set member or mongos"), Unsupported, "replica"),
        (refused(50, "operation exceeded time limit"), QueryFailed, "longer than allowed"),
        (refused(13, "not authorized on a"), QueryFailed, "not authorized on a (MongoDB error 13, Name)"),
        (refused(2, "the value hunter2 is bad"), QueryFailed, "the value *** is bad"),
        (driver.ServerSelectionTimeoutError("CERTIFICATE_VERIFY_FAILED, Timeout: 10s, Topology"), ConnectionFailed,
         "put that of its authority into root_certificate_pem"),
        (driver.ServerSelectionTimeoutError("SSL handshake failed: x"), ConnectionFailed, "set tls to false"),
        (driver.ServerSelectionTimeoutError("h:1: connection closed"), ConnectionFailed, "set tls to true"),
        (driver.ServerSelectionTimeoutError("No replica set members found yet"), ConnectionFailed, "directConnection"),
        (driver.AutoReconnect("connection reset"), ConnectionFailed, "The connection to db.example was lost"),
        (driver.InvalidName("collection names cannot be empty"), BadRequest, "collection names cannot be empty"),
        (driver.DocumentTooLarge("BSON document too large"), QueryFailed, "too large"),
        (OSError("hunter2 went wrong"), ConnectionFailed, "*** went wrong"),
    ],
)  # fmt: skip
def test_error_says_what_is_wrong_and_keeps_secrets(raised: Exception, kind: type[TidemillError], message: str) -> None:
    with pytest.raises(kind) as told, translated("db.example", ["hunter2"]):
        raise raised
    assert message in str(told.value)
    assert type(told.value) is kind
    assert "Topology" not in str(told.value)
