"""Listings: order, prefixes, delimiters, markers, pages, and how keys are written in them."""

from typing import Any

import pytest

from tests.end_to_end.s3_suite.conftest import Bucket

TREE = ("a/1", "a/2", "b", "b/1", "c/1/x", "d")


def keys(answer: Any) -> list[str]:
    return [each["Key"] for each in answer.get("Contents", [])]


def prefixes(answer: Any) -> list[str]:
    return [each["Prefix"] for each in answer.get("CommonPrefixes", [])]


@pytest.fixture(params=["list_objects", "list_objects_v2"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_empty_bucket(s3: Bucket, version: str) -> None:
    answer = s3.call(version)
    assert (keys(answer), prefixes(answer), answer["IsTruncated"]) == ([], [], False)


def test_keys_are_in_the_order_of_their_bytes(s3: Bucket, version: str) -> None:
    s3.fill("b", "a", "Z", "ä", "a/b", "a-b", "a.b", "😀", "ﬀ")
    assert keys(s3.call(version)) == sorted(["b", "a", "Z", "ä", "a/b", "a-b", "a.b", "😀", "ﬀ"], key=str.encode)


def test_folders_are_folded(s3: Bucket, version: str) -> None:
    s3.fill(*TREE)
    top = s3.call(version, Delimiter="/")
    assert (keys(top), prefixes(top)) == (["b", "d"], ["a/", "b/", "c/"])
    below = s3.call(version, Delimiter="/", Prefix="c/")
    assert (keys(below), prefixes(below), below["Prefix"]) == ([], ["c/1/"], "c/")
    assert keys(s3.call(version, Prefix="b")) == ["b", "b/1"]
    assert keys(s3.call(version, Prefix="zzz")) == []
    other = s3.call(version, Delimiter="1")
    assert (keys(other), prefixes(other)) == (["a/2", "b", "d"], ["a/1", "b/1", "c/1"])
    several = s3.call(version, Delimiter="/1", Prefix="b")
    assert (keys(several), prefixes(several)) == (["b"], ["b/1"])


def test_an_object_that_ends_with_the_delimiter(s3: Bucket, version: str) -> None:
    s3.fill("f/", "f/a")
    assert prefixes(s3.call(version, Delimiter="/")) == ["f/"]
    assert keys(s3.call(version, Delimiter="/", Prefix="f/")) == ["f/", "f/a"]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_a_folded_listing(s3: Bucket, size: int) -> None:
    s3.fill(*TREE)
    found: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = s3.call("list_objects_v2", Delimiter="/", MaxKeys=size, **more)
        found += sorted(keys(page) + prefixes(page))
        assert page["KeyCount"] == len(keys(page) + prefixes(page)) <= size
        if not page["IsTruncated"]:
            break
        more = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == ["a/", "b", "b/", "c/", "d"]


def test_pages_of_the_first_version(s3: Bucket) -> None:
    s3.fill(*TREE)
    page = s3.call("list_objects", MaxKeys=2)
    assert (keys(page), page["IsTruncated"], page["Marker"]) == (["a/1", "a/2"], True, "")
    assert keys(s3.call("list_objects", Marker="a/2", MaxKeys=2)) == ["b", "b/1"]
    folded = s3.call("list_objects", Delimiter="/", MaxKeys=1)
    assert (prefixes(folded), folded["NextMarker"]) == (["a/"], "a/")
    rest = s3.call("list_objects", Delimiter="/", Marker="a/")
    assert (keys(rest), prefixes(rest)) == (["b", "d"], ["b/", "c/"])


def test_a_listing_begins_behind_a_key(s3: Bucket) -> None:
    s3.fill(*TREE)
    assert keys(s3.call("list_objects_v2", StartAfter="b")) == ["b/1", "c/1/x", "d"]
    assert keys(s3.call("list_objects_v2", StartAfter="bb")) == ["c/1/x", "d"]
    assert keys(s3.call("list_objects_v2", StartAfter="zzz")) == []
    assert s3.call("list_objects_v2", StartAfter="b")["StartAfter"] == "b"


def test_no_keys_are_asked_for(s3: Bucket, version: str) -> None:
    s3.fill("a")
    answer = s3.call(version, MaxKeys=0)
    assert (keys(answer), answer["IsTruncated"]) == ([], False)


def test_more_keys_are_asked_for_than_a_page_holds(s3: Bucket, version: str) -> None:
    s3.fill("a")
    answer = s3.call(version, MaxKeys=5000)
    assert (keys(answer), answer["MaxKeys"]) == (["a"], 1000)


def test_keys_are_encoded_where_that_is_asked_for(s3: Bucket, version: str) -> None:
    s3.fill("a b/ü+")
    raw: dict[str, Any] = {"EncodingType": "url", "Delimiter": "+", "Prefix": "a b/"}
    answer = s3.call(version, **raw)
    assert (prefixes(answer), answer["Prefix"]) == (["a%20b/%C3%BC%2B"], "a%20b/") or prefixes(answer) == [
        "a+b/%C3%BC%2B"
    ]


def test_what_is_told_of_an_object(s3: Bucket) -> None:
    etag = s3.put("a", b"hello")["ETag"]
    (entry,) = s3.call("list_objects_v2", FetchOwner=True)["Contents"]
    assert (entry["Key"], entry["Size"], entry["ETag"], entry["StorageClass"]) == ("a", 5, etag, "STANDARD")
    assert entry["Owner"]["ID"]
    assert "Owner" not in s3.call("list_objects_v2")["Contents"][0]
    assert "Owner" in s3.call("list_objects")["Contents"][0]


def test_a_token_that_is_none(s3: Bucket) -> None:
    s3.fill("a")
    assert s3.refusal("list_objects_v2", ContinuationToken="") == (400, "InvalidArgument")
