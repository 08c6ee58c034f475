"""Deploying flows: nobody writes over a version that they have not seen."""

from tests.api.conftest import Api

W = "/api/w/main"
VALUE = {"modules": [{"id": "a", "value": {"type": "identity"}}]}


async def test_a_version_follows_the_one_that_was_seen(api: Api) -> None:
    body = {"path": "u/dev/seen", "summary": "", "value": VALUE}
    assert (await api.developer.post(f"{W}/flows/create", json=body)).status_code == 201
    first = (await api.developer.get(f"{W}/flows/get/u/dev/seen")).headers["etag"]
    mine = {"If-Match": first}
    answer = await api.developer.post(f"{W}/flows/update/u/dev/seen", json={**body, "summary": "mine"}, headers=mine)
    assert answer.status_code == 200, answer.text
    answer = await api.developer.post(f"{W}/flows/update/u/dev/seen", json={**body, "summary": "late"}, headers=mine)
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (409, "version_mismatch")
    assert (await api.developer.get(f"{W}/flows/get/u/dev/seen")).json()["summary"] == "mine"
    answer = await api.developer.post(f"{W}/flows/update/u/dev/seen", json={**body, "summary": "as before"})
    assert answer.status_code == 200
