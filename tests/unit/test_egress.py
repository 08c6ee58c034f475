"""Where resources may lead the server, and that it goes to no other address than the one that was looked at (C22)."""

from collections.abc import Iterator, Sequence

import aiohttp
import pytest

from tests.contracts.objects.http_server import answering
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.errors import AddressClosed, ConfigurationError, StorageMisconfigured
from tidemill.settings import Settings
from tidemill.stores.guarded_connector import GuardedConnector
from tidemill.stores.objects import open_store
from tidemill.stores.reach import LookUp, addresses_of
from tidemill.wiring.egress import egress_of

PUBLIC = ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"]
PRIVATE = ["10.0.0.5", "172.17.0.2", "192.168.1.9", "100.64.0.1", "fd00::5", "::ffff:10.0.0.5", "64:ff9b::a00:5"]
HOST = ["127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "2002:7f00:1::"]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "224.0.0.1",
    "ff02::1",
]
METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    ("reach", "opened"),
    [(Reach.PUBLIC, PUBLIC), (Reach.PRIVATE, PUBLIC + PRIVATE), (Reach.HOST, PUBLIC + PRIVATE + HOST)],
)
def test_each_reach_opens_what_it_says_and_no_more(reach: Reach, opened: list[str]) -> None:
    egress = Egress(reach)
    for address in PUBLIC + PRIVATE + HOST + NEVER:
        assert bool(egress.refusal(address, 443)) == (address not in opened), address


@pytest.mark.parametrize("address", NEVER)
def test_what_is_never_opened_is_not_opened_by_a_list(address: str) -> None:
    assert EVERYWHERE.refusal(address, 80)
    assert EVERYWHERE.advice(address, 80) == ""


def test_an_entry_opens_an_address_and_port() -> None:
    egress = Egress.parse("public", "10.0.0.5/32:9000, [fd00::/8]:443")
    assert egress.refusal("10.0.0.5", 9000) == egress.refusal("fd00::5", 443) == ""
    assert egress.refusal("10.0.0.5", 9001) == egress.refusal("fd00::5", 80) == "private networks are closed"
    advised = egress.advice("fd00::5", 80).rpartition("=")[2].rstrip(".")
    assert Egress.parse("public", advised).refusal("fd00::5", 80) == ""


@pytest.mark.parametrize(
    ("environment", "reach"),
    [
        ({}, Reach.HOST),
        ({"TIDEMILL_HOST": "::1", "TIDEMILL_BASE_URL": "http://localhost:8000"}, Reach.HOST),
        ({"TIDEMILL_HOST": "0.0.0.0"}, Reach.PRIVATE),
        ({"TIDEMILL_BASE_URL": "https://jobs.example.org"}, Reach.PRIVATE),
        ({"TIDEMILL_TRUSTED_PROXIES": "127.0.0.1"}, Reach.PRIVATE),
        ({"TIDEMILL_RESOURCE_EGRESS": "public"}, Reach.PUBLIC),
    ],
)
def test_this_machine_is_open_only_to_who_is_on_it(environment: dict[str, str], reach: Reach) -> None:
    assert egress_of(Settings.from_environment(environment)).reach is reach


def test_a_wrong_entry_is_named() -> None:
    settings = Settings.from_environment({"TIDEMILL_RESOURCE_EGRESS_ALLOW": "10.0.0.5/8"})
    with pytest.raises(ConfigurationError, match=r"TIDEMILL_RESOURCE_EGRESS_ALLOW: '10.0.0.5/8'"):
        egress_of(settings)


def looking_up(*answers: Sequence[str]) -> LookUp:
    """Gives one answer after the other, as a name server does that means harm."""
    following: Iterator[Sequence[str]] = iter(answers)

    async def look_up(_host: str, _port: int) -> Sequence[str]:
        return next(following)

    return look_up


async def test_only_the_open_addresses_of_a_host_are_left() -> None:
    mixed = looking_up([METADATA, "10.0.0.5", "::1", "fd00::5"])
    assert await addresses_of("a.test", 443, Egress(), look_up=mixed) == ["10.0.0.5", "fd00::5"]


async def test_a_refusal_says_what_and_why_and_who_mends_it() -> None:
    with pytest.raises(AddressClosed) as refused:
        await addresses_of("a.test", 9000, Egress(Reach.PUBLIC), look_up=looking_up(["10.0.0.5"]))
    assert str(refused.value) == (
        "a.test (10.0.0.5) is not connected to: private networks are closed to resources. Whoever runs the server "
        "opens it by TIDEMILL_RESOURCE_EGRESS_ALLOW=10.0.0.5/32:9000."
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost", "::1"])
async def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    with pytest.raises(AddressClosed):
        await addresses_of(host, 80, Egress())


async def test_a_name_that_means_another_address_later_leads_nowhere() -> None:
    async with answering(lambda *_: (200, b"here")) as origin:
        url = f"http://a.test:{origin.rpartition(':')[2]}/"
        twice = looking_up(["127.0.0.1"], [METADATA])
        connector = GuardedConnector(Egress(Reach.HOST), look_up=twice, use_dns_cache=False, force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(url) as answer:
                assert await answer.read() == b"here"
            with pytest.raises(AddressClosed):
                await session.get(url)


@pytest.mark.parametrize(
    "target", [f"http://{METADATA}/latest/meta-data/", "http://[fd00:ec2::254]/", "http://a.test/"]
)
async def test_a_redirect_leads_to_no_closed_address(target: str) -> None:
    async with answering(lambda *_: (302, b"", f"location: {target}\r\n".encode())) as origin:
        connector = GuardedConnector(Egress(Reach.HOST), look_up=looking_up([METADATA]))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(AddressClosed):
                await session.get(origin)


KEYS = {"accessKey": "a", "secretKey": "b"}
ROLE = {"bucket": "bucket", "region": "us-east-1", "roleArn": "arn:aws:iam::0:role/x"}
CONTAINER = {"accountName": "account", "containerName": "container", "accessKey": "YQ=="}
HARMFUL: dict[str, tuple[str, dict[str, object]]] = {
    "s3": ("s3", {"bucket": "bucket", "endPoint": f"http://{METADATA}", **KEYS}),
    "s3 by number": ("s3", {"bucket": "bucket", "endPoint": "http://2852039166", **KEYS}),
    "s3 by name": ("s3", {"bucket": "bucket", "endPoint": "http://localhost:1", **KEYS}),
    "sts": ("s3_aws_oidc", {**ROLE, "stsEndPoint": "http://127.0.0.1:1"}),
    "azure": ("azure_blob", {**CONTAINER, "endPoint": "http://[::1]:1"}),
    "gcs": ("gcloud_storage", {"bucket": "bucket", "endPoint": f"http://{METADATA}"}),
}


async def prove(audience: str) -> str:
    return "a.token.here"


@pytest.mark.parametrize("name", HARMFUL)
async def test_no_kind_of_storage_leads_the_server_where_it_may_not_go(name: str) -> None:
    kind, value = HARMFUL[name]
    store = open_store(kind, value, egress=Egress(), prove=prove)
    with pytest.raises(StorageMisconfigured, match=r"closed to resources|no address"):
        await store.scan("")
    await store.close()
