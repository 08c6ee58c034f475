"""A script that needs a package is built in the sandbox and run by a real worker, whoever it runs as."""

from tests.reliability.harness import Chaosbox

# A package index that is reached through a mirror in a private network is closed to builds by default.
SETTINGS = {
    "TIDEMILL_JOB_EGRESS_ALLOW": "0.0.0.0/0:443,[::/0]:443",
    "TIDEMILL_LEASE_S": "30",
    "TIDEMILL_SELF_KILL_S": "20",
}
SCRIPT = "# requirements:\n# six==1.17.0\n\nimport six\n\n\ndef main():\n    return six.__version__\n"


def test_a_package_is_installed_once_and_found_by_two_workers(box: Chaosbox) -> None:
    box.settings = SETTINGS
    box.start_server()
    box.start_worker(isolated=True)
    box.start_worker(isolated=True)
    box.deploy("u/ada/needs_six", SCRIPT, language="python3")
    rows = [box.ended(job) for job in [box.run("u/ada/needs_six") for _ in range(4)]]
    assert [(row["state"], row["result"]) for row in rows] == [("success", '"1.17.0"')] * 4, rows
    (environment,) = (box.data_dir / "environments").glob("py3*")
    assert (environment / "site" / "six.py").exists()
