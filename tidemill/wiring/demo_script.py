"""Tell which scripts of this workspace are new or changed since the last run.

It shows what a script can use: a resource for its settings, a secret, and a state that is kept between runs.
"""

from typing import TypedDict

import wmill


class Changes(TypedDict):
    """What a run found."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    runs: int


def main(prefix: str = "", verbose: bool = True) -> Changes:
    settings = wmill.get_resource("f/demo/watch_settings")
    signature = wmill.get_variable("f/demo/watch_secret")
    print(f"looking at up to {settings['limit']} scripts, signed with {signature}")

    state = wmill.get_state() or {"seen": {}, "runs": 0}
    client = wmill.Windmill()
    scripts = client.get(f"/w/{client.workspace}/scripts/list", params={"per_page": settings["limit"]}).json()
    now = {script["path"]: script["hash"] for script in scripts if script["path"].startswith(prefix)}

    seen: dict[str, str] = state["seen"]
    changes: Changes = {
        "new": sorted(now.keys() - seen.keys()),
        "changed": sorted(path for path in now.keys() & seen.keys() if now[path] != seen[path]),
        "gone": sorted(seen.keys() - now.keys()),
        "runs": state["runs"] + 1,
    }
    if verbose:
        for what in ("new", "changed", "gone"):
            print(f"{what}: {', '.join(changes[what]) or 'nothing'}")
    wmill.set_state({"seen": now, "runs": changes["runs"]})
    return changes
