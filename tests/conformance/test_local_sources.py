"""What is tried with sources from files."""

import httpx
import pytest

MAIN = "from u.admin.word import word\n\ndef main():\n    return word()\n"
SCRIPT = {"language": "python3", "content": MAIN}
FLOW = {"modules": [{"id": "a", "value": {"type": "rawscript", **SCRIPT, "input_transforms": {}, "cache_ttl": 1000}}]}


@pytest.mark.parametrize("kind", ["script", "flow"])
def test_results_of_what_is_not_deployed_are_not_kept(http: httpx.Client, kind: str) -> None:
    route, body = ("preview", SCRIPT) if kind == "script" else ("preview_flow", {"value": {**FLOW, "cache_ttl": 1000}})
    for said in ("one", "two"):
        source = f"def word():\n    return {said!r}\n"
        refs = {"u/admin/word": http.post("scripts/raw_temp/store", json=source).json()}
        found = http.post(
            f"jobs/run_wait_result/{route}", params={"cache_ttl": 1000}, json={**body, "temp_script_refs": refs}
        )
        assert (found.status_code, found.json()) == (200, said)
