"""Where a resource of the type `s3` leads to, and what is told of one that is wrong."""

import pytest

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.s3.config import S3Config

VALUE = {"bucket": "data", "region": "eu-west-1", "useSSL": True, "endPoint": "", "pathStyle": False}


@pytest.mark.parametrize(
    ("changes", "origin", "root"),
    [
        ({}, "https://data.s3.eu-west-1.amazonaws.com", ""),
        ({"region": ""}, "https://data.s3.us-east-1.amazonaws.com", ""),
        ({"region": "cn-north-1"}, "https://data.s3.cn-north-1.amazonaws.com.cn", ""),
        ({"pathStyle": True}, "https://s3.eu-west-1.amazonaws.com", "/data"),
        ({"bucket": "data.example.com"}, "https://s3.eu-west-1.amazonaws.com", "/data.example.com"),
        ({"endPoint": "acc.r2.cloudflarestorage.com"}, "https://data.acc.r2.cloudflarestorage.com", ""),
        ({"endPoint": "https://minio.lan:9000/", "pathStyle": True}, "https://minio.lan:9000", "/data"),
        ({"endPoint": "http://minio.lan", "pathStyle": True}, "http://minio.lan", "/data"),
        ({"endPoint": "minio.lan", "useSSL": False, "port": 9000}, "http://data.minio.lan:9000", ""),
        ({"endPoint": "minio", "useSSL": False, "port": "9000"}, "http://minio:9000", "/data"),
        ({"endPoint": "minio.lan", "port": 443}, "https://data.minio.lan", ""),
        ({"endPoint": "127.0.0.1:9000"}, "https://127.0.0.1:9000", "/data"),
        ({"endPoint": "http://[::1]:9000"}, "http://[::1]:9000", "/data"),
        ({"endPoint": "https://host.example/s3", "pathStyle": True}, "https://host.example", "/s3/data"),
    ],
)
def test_an_endpoint_is_read_as_people_write_it(changes: dict[str, object], origin: str, root: str) -> None:
    config = S3Config.of({**VALUE, **changes})
    assert (config.origin, config.root) == (origin, root)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": None}, "bucket"),
        ({"bucket": "../other"}, "name of a bucket"),
        ({"bucket": "a/b"}, "name of a bucket"),
        ({"region": 1}, "region"),
        ({"useSSL": "yes"}, "useSSL"),
        ({"port": "many"}, "port"),
        ({"endPoint": "ftp://host"}, "endPoint"),
        ({"endPoint": "http://user:password@host"}, "endPoint"),
        ({"endPoint": "host/?x=1"}, "endPoint"),
        ({"endPoint": "host:99999"}, "endPoint"),
        ({"endPoint": "ho st"}, "endPoint"),
        ({"endPoint": "host\r\nx: y"}, "endPoint"),
        ({"accessKey": "a"}, "secretKey"),
        ({"secretKey": "a"}, "accessKey"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(StorageMisconfigured, match=field) as raised:
        S3Config.of({**VALUE, **changes})
    assert "password" not in str(raised.value)


@pytest.mark.parametrize("written", ["endpoint", "ENDPOINT"])
def test_a_field_that_is_misspelt_by_its_capitals_is_not_passed_over(written: str) -> None:
    value = {name: each for name, each in VALUE.items() if name != "endPoint"}
    with pytest.raises(StorageMisconfigured, match=f"has a field {written} and none endPoint"):
        S3Config.of({**value, written: "minio.lan"})


def test_a_configuration_does_not_show_its_secrets() -> None:
    config = S3Config.of({**VALUE, "accessKey": "id", "secretKey": "the-secret", "token": "the-token"})
    assert "the-secret" not in repr(config)
    assert "the-token" not in repr(config)


def test_a_prefix_is_a_folder() -> None:
    assert S3Config.of({**VALUE, "prefix": "/a/b/"}).prefix == "a/b/"
    assert S3Config.of({**VALUE, "prefix": "/"}).prefix == ""
