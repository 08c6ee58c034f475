"""Workers, as clients ask about them."""

from tests.api.conftest import Api
from tidemill.db.queries import inline


async def add_worker(api: Api, name: str, *, tags: list[str], silent_s: int = 0) -> None:
    await api.parts.database.single.execute(
        inline(
            "insert into worker (name, worker_group, tags, slots, host, version, isolated, ping_at)"
            " values (:name, 'default', :tags, 8, 'host-7', '1', true, now() - make_interval(secs => :silent_s))"
        ),
        name=name, tags=tags, silent_s=float(silent_s),
    )  # fmt: skip


async def test_list_shows_who_was_there_lately(api: Api) -> None:
    await add_worker(api, "here", tags=["bash"])
    await add_worker(api, "gone", tags=["gpu"], silent_s=200)
    seen = (await api.developer.get("/api/workers/list", params={"ping_since": 60})).json()
    assert [(each["worker"], each["custom_tags"], each["worker_instance"]) for each in seen] == [("here", ["bash"], "")]
    assert len((await api.superadmin.get("/api/workers/list")).json()) == 2
    assert (await api.developer.get("/api/workers/list", params={"ping_since": 0})).status_code == 400


async def test_tags_are_served_by_workers_that_are_there(api: Api) -> None:
    await add_worker(api, "here", tags=["bash"])
    await add_worker(api, "gone", tags=["gpu"], silent_s=200)
    answer = await api.developer.get("/api/workers/exists_workers_with_tags", params={"tags": "bash, gpu,none"})
    assert answer.json() == {"bash": True, "gpu": False, "none": False}
    assert (await api.developer.get("/api/workers/exists_workers_with_tags")).status_code == 400


async def test_queue_counts_are_for_superadmins(api: Api) -> None:
    await api.job("dev")
    await api.parts.database.single.execute(
        inline("update job_queue set state = 'queued', worker = null, heartbeat_at = null")
    )
    assert (await api.superadmin.get("/api/workers/queue_counts")).json() == {"python3": 1}
    assert (await api.admin.get("/api/workers/queue_counts")).status_code == 403


async def test_default_tags_are_told(api: Api) -> None:
    assert "python3" in (await api.developer.get("/api/workers/get_default_tags")).json()
