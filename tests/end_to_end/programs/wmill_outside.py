"""Every call of `wmill` that a program outside of jobs makes. It runs with the release that its environment has.

The scripts that it runs are deployed before, and named by the environment: ECHO gives back its argument `value`, FAIL
raises, SLOW waits until it is cancelled. TOKEN_OF is the release, so that several can run against one server.
"""

import base64
import datetime as dt
import inspect
import io
import json
import os
import re
import unittest
import uuid
from contextlib import redirect_stdout
from unittest import mock

import outcomes
import wmill
from wmill.client import Windmill

# ruff: noqa: PT027  # pytest is not in the environments that this runs in

ECHO, ECHO_HASH, FAIL, SLOW = (os.environ[name] for name in ("ECHO", "ECHO_HASH", "FAIL", "SLOW"))
VALUES = {
    "text": 'Grüße, 世界 🌊 \u0000 \u2028 "quoted" \\ back',
    "trailing line end": "line\n",
    "integer beyond a double": 9007199254740993,
    "integer of 300 digits": 10**299 + 7,
    "float": 0.1 + 0.2,
    "small float": 5e-324,
    "true": True,
    "zero": 0,
    "nothing": None,
    "empty list": [],
    "empty object": {},
    "list": [1, [2, [3, [None, "x", {"k": []}]]]],
    "nested": {"a": {"b": {"c": {"d": [1, 2.5, "3", None, {"": ""}]}}}},
    "keys": {"ключ": 1, " ": 2, "$var": 3, "a.b": 4},
}


def new_path(kind: str = "item") -> str:
    return f"u/admin/{kind}_{uuid.uuid4().hex[:12]}"


def takes(function: object, parameter: str) -> bool:
    """Whether this release has the parameter."""
    return parameter in inspect.signature(function).parameters  # type: ignore[arg-type]


class Outside(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.client = Windmill()

    # variables

    def test_variable_is_created_then_updated(self) -> None:
        path = new_path()
        wmill.set_variable(path, "first")
        assert wmill.get_variable(path) == "first"
        wmill.set_variable(path, "second")
        assert wmill.get_variable(path) == "second"

    def test_variable_syntax_names_the_same_variable(self) -> None:
        path = new_path()
        wmill.set_variable(f"var://{path}", "value")
        assert wmill.get_variable(f"var://{path}") == "value"

    def test_secret_is_kept_and_stays_secret_when_updated(self) -> None:
        path = new_path()
        wmill.set_variable(path, "first secret", is_secret=True)
        wmill.set_variable(path, "second secret")
        assert wmill.get_variable(path) == "second secret"
        listed = self.client.get(f"/w/{self.client.workspace}/variables/get/{path}?decrypt_secret=false").json()
        assert listed["is_secret"]
        assert "secret" not in str(listed.get("value"))

    def test_variable_keeps_every_character(self) -> None:
        path = new_path()
        for value in ("", "\n", "line\n", " both ends ", "Grüße 世界 🌊", '"quoted"', "\\", "\t\r\n\x01", "x" * 9000):
            wmill.set_variable(path, value)
            assert wmill.get_variable(path) == value

    def test_missing_variable_is_told_as_404(self) -> None:
        with self.assertRaisesRegex(Exception, r": 404, .*u/admin/nothing_here"):
            wmill.get_variable("u/admin/nothing_here")

    # resources

    def test_resource_round_trips_every_json_value(self) -> None:
        path = new_path()
        for name, value in VALUES.items():
            with self.subTest(name):
                wmill.set_resource(path, value)
                self.assert_same(wmill.get_resource(path), value)

    def test_resource_that_is_not_interpolated_round_trips_every_json_value(self) -> None:
        if not takes(self.client.get_resource, "interpolated"):
            self.skipTest("this release always interpolates")
        path = new_path()
        for name, value in VALUES.items():
            with self.subTest(name):
                wmill.set_resource(path, value)
                self.assert_same(self.client.get_resource(path, interpolated=False), value)

    def test_resource_is_created_with_its_type(self) -> None:
        path = new_path()
        wmill.set_resource(path, {"host": "db", "port": 5432}, "postgresql")
        wmill.set_resource(path, {"host": "db2", "port": 5433}, "postgresql")
        listed = self.client.list_resources("postgresql", page=1, per_page=1000)
        assert [item["resource_type"] for item in listed if item["path"] == path] == ["postgresql"]
        assert wmill.get_resource(f"$res:{path}") == {"host": "db2", "port": 5433}

    def test_resource_is_interpolated_or_not(self) -> None:
        variable, inner, outer = new_path("variable"), new_path("inner"), new_path("outer")
        wmill.set_variable(variable, "p4ss", is_secret=True)
        wmill.set_resource(inner, {"password": f"$var:{variable}"})
        wmill.set_resource(outer, {"inner": f"$res:{inner}", "list": [f"$var:{variable}"]})
        assert wmill.get_resource(outer) == {"inner": {"password": "p4ss"}, "list": ["p4ss"]}
        if not takes(self.client.get_resource, "interpolated"):
            self.skipTest("this release always interpolates")
        raw = self.client.get_resource(outer, interpolated=False)
        assert raw == {"inner": f"$res:{inner}", "list": [f"$var:{variable}"]}

    def test_missing_resource_is_none_only_when_asked_for(self) -> None:
        assert wmill.get_resource("u/admin/nothing_here", none_if_undefined=True) is None
        with self.assertRaisesRegex(Exception, ": 404, "):
            wmill.get_resource("u/admin/nothing_here")

    def test_resources_are_listed_by_page(self) -> None:
        for _ in range(3):
            wmill.set_resource(new_path(), 1, "any")
        first = wmill.list_resources(page=1, per_page=2)
        second = wmill.list_resources(page=2, per_page=2)
        assert (len(first), len(second)) == (2, 2)
        assert not {item["path"] for item in first} & {item["path"] for item in second}

    # states

    def test_state_round_trips_every_json_value(self) -> None:
        with self.state():
            assert wmill.get_state() is None
            for name, value in VALUES.items():
                with self.subTest(name):
                    wmill.set_state(value)
                    self.assert_same(wmill.get_state(), value)

    def test_state_property_reads_and_writes(self) -> None:
        with self.state():
            assert self.client.state is None
            self.client.state = {"count": 1}
            assert self.client.state == {"count": 1}

    def test_state_is_kept_at_a_path_of_ones_own(self) -> None:
        if not takes(wmill.get_state, "path"):
            self.skipTest("this release has no path for states")
        path = new_path("state")
        wmill.set_state([1], path=path)
        assert wmill.get_state(path=path) == [1]

    # running scripts

    def test_script_runs_by_path_and_by_hash(self) -> None:
        assert wmill.run_script(path=ECHO, args={"value": [1]}) == [1]
        assert wmill.run_script(hash_=ECHO_HASH, args={"value": [2]}) == [2]
        assert wmill.run_script_by_path(ECHO, args={"value": [3]}) == [3]
        assert wmill.run_script_by_hash(ECHO_HASH, args={"value": [4]}) == [4]

    def test_arguments_and_results_round_trip_every_json_value(self) -> None:
        jobs = {name: wmill.run_script_by_path_async(ECHO, args={"value": value}) for name, value in VALUES.items()}
        for name, job in jobs.items():
            with self.subTest(name):
                self.assert_same(self.client.wait_job(job), VALUES[name])
                self.assert_same(wmill.get_result(job), VALUES[name])

    def test_async_runs_give_ids_of_jobs(self) -> None:
        started = [
            wmill.run_script_async(ECHO_HASH, {"value": 1}),
            self.client.run_script_async(path=ECHO, args={"value": 2}),
            wmill.run_script_by_path_async(ECHO, args={"value": 3}),
            wmill.run_script_by_hash_async(ECHO_HASH, args={"value": 4}),
        ]
        for job in started:
            assert str(uuid.UUID(job)) == job
        assert [self.client.wait_job(job) for job in started] == [1, 2, 3, 4]

    def test_old_sync_functions_work(self) -> None:
        assert wmill.run_script_sync(ECHO_HASH, {"value": 1}) == 1
        assert wmill.run_script_by_path_sync(ECHO, {"value": 2}) == 2

    def test_script_without_a_result_gives_none(self) -> None:
        assert wmill.run_script_by_path(ECHO, assert_result_is_not_none=False) is None
        with self.assertRaisesRegex(Exception, "Result was none"):
            wmill.run_script_by_path(ECHO, assert_result_is_not_none=True)

    def test_failure_tells_the_error_of_the_script(self) -> None:
        with self.assertRaisesRegex(Exception, "was not successful: .*ValueError.*all gone"):
            wmill.run_script_by_path(FAIL, args={"message": "all gone"})

    def test_unknown_script_is_told_as_404(self) -> None:
        with self.assertRaisesRegex(Exception, r": 404, "):
            wmill.run_script_by_path("u/admin/nothing_here")

    def test_wait_ends_at_its_timeout_and_cancels_the_job(self) -> None:
        job = wmill.run_script_by_path_async(SLOW)
        with self.assertRaises(TimeoutError):
            self.client.wait_job(job, timeout=dt.timedelta(milliseconds=1))
        with self.assertRaisesRegex(Exception, "was not successful: .*reached timeout"):
            self.client.wait_job(job)

    def test_scheduled_job_waits_and_can_be_cancelled(self) -> None:
        job = wmill.run_script_by_path_async(ECHO, args={"value": 1}, scheduled_in_secs=3600)
        assert wmill.get_job_status(job) == "WAITING"
        assert self.client.get_job(job)["type"] == "QueuedJob"
        wmill.cancel_job(job, reason="not needed")
        with self.assertRaisesRegex(Exception, "was not successful: .*not needed"):
            self.client.wait_job(job)
        assert wmill.get_job_status(job) == "COMPLETED"

    def test_running_job_is_cancelled(self) -> None:
        job = wmill.run_script_by_path_async(SLOW)
        self.wait_until_running(job)
        assert wmill.get_job_status(job) == "RUNNING"
        assert wmill.cancel_job(job) == job
        with self.assertRaisesRegex(Exception, "was not successful: .*cancelled via cancel_job method"):
            self.client.wait_job(job)

    def test_cancel_running_ends_what_runs_of_a_script(self) -> None:
        client = Windmill()
        client.path = os.environ["SLOW_OF_ITS_OWN"]
        job = wmill.run_script_by_path_async(client.path)
        self.wait_until_running(job)
        assert list(client.cancel_running()) == [job]
        with self.assertRaisesRegex(Exception, "was not successful: .*killed by `cancel_running` method"):
            client.wait_job(job)

    def test_unknown_job_is_told_as_404(self) -> None:
        with self.assertRaisesRegex(Exception, ": 404, "):
            self.client.wait_job(str(uuid.uuid4()), cleanup=False)

    def test_tag_is_passed_on(self) -> None:
        if not takes(wmill.run_script_by_path_async, "tag"):
            self.skipTest("this release has no tag")
        job = wmill.run_script_by_path_async(ECHO, args={"value": 1}, tag="bash", scheduled_in_secs=3600)
        assert self.client.get_job(job)["tag"] == "bash"
        wmill.cancel_job(job)

    def test_retry_is_passed_on(self) -> None:
        if not takes(wmill.run_script_by_path_async, "retry"):
            self.skipTest("this release has no retry")
        job = wmill.run_script_by_path_async(FAIL, retry={"constant": {"attempts": 1, "seconds": 0}})
        with self.assertRaisesRegex(Exception, "was not successful"):
            self.client.wait_job(job)

    def test_retry_that_makes_no_sense_is_refused(self) -> None:
        if not takes(wmill.run_script_by_path_async, "retry"):
            self.skipTest("this release has no retry")
        with self.assertRaisesRegex(Exception, ": 400, .*retry"):
            wmill.run_script_by_path_async(FAIL, retry={"constant": {"attempts": "many"}})

    # what is known of a job

    def test_job_tells_its_script_arguments_and_owner(self) -> None:
        job_id = wmill.run_script_by_path_async(ECHO, args={"value": {"k": 1}})
        self.client.wait_job(job_id)
        job = self.client.get_job(job_id)
        seen = (job["id"], job["type"], job["script_path"], job["args"], job["created_by"], job["success"])
        assert seen == (job_id, "CompletedJob", ECHO, {"value": {"k": 1}}, "admin", True)

    def test_progress_is_set_and_read(self) -> None:
        job = wmill.run_script_by_path_async(SLOW)
        self.wait_until_running(job)
        assert wmill.get_progress(job) is None
        wmill.set_progress(42, job)
        assert wmill.get_progress(job) == 42
        wmill.cancel_job(job)

    def test_root_job_of_a_job_is_itself(self) -> None:
        job = wmill.run_script_by_path_async(ECHO)
        assert wmill.get_root_job_id(job) == job

    def test_user_state_of_what_is_no_flow_is_none(self) -> None:
        job = wmill.run_script_by_path_async(ECHO)
        said = io.StringIO()
        with mock.patch.dict(os.environ, WM_JOB_ID=job), redirect_stdout(said):
            wmill.set_flow_user_state("key", {"a": 1})
            assert wmill.get_flow_user_state("key") is None
        assert said.getvalue().count("is not a flow") == 2

    def test_worker_that_stays_is_not_draining(self) -> None:
        if not hasattr(wmill, "worker_is_draining"):
            self.skipTest("this release does not ask")
        job = wmill.run_script_by_path_async(ECHO)
        assert wmill.worker_is_draining(job) is False

    # who and what

    def test_an_id_token_tells_the_account(self) -> None:
        _, claims, _ = wmill.get_id_token("sts.amazonaws.com").split(".")
        told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        assert (told["aud"], told["email"]) == ("sts.amazonaws.com", os.environ["EMAIL"])

    def test_whoami_tells_the_account(self) -> None:
        assert wmill.whoami()["email"] == os.environ["EMAIL"]
        assert self.client.user["email"] == os.environ["EMAIL"]

    def test_version_is_one_that_clients_accept(self) -> None:
        assert re.search(r"v1\.\d+\.\d+", wmill.get_version())

    def test_workspace_is_the_one_of_the_environment(self) -> None:
        assert wmill.get_workspace() == os.environ["WM_WORKSPACE"]

    def test_username_is_turned_into_an_email(self) -> None:
        assert wmill.username_to_email("admin") == os.environ["EMAIL"]

    def test_created_token_works(self) -> None:
        token = self.client.create_token(dt.timedelta(hours=1))
        assert token == token.strip()
        assert Windmill(token=token).whoami()["email"] == os.environ["EMAIL"]

    def test_wrong_token_is_told_as_401(self) -> None:
        with self.assertRaisesRegex(Exception, ": 401, "):
            Windmill(token="wrong").whoami()

    def state(self) -> object:
        """A state of this test's own, during the block."""
        return mock.patch.dict(os.environ, WM_STATE_PATH_NEW=new_path("state"))

    def wait_until_running(self, job: str) -> None:
        while wmill.get_job_status(job) == "WAITING":
            self.client.get(f"/w/{self.client.workspace}/jobs_u/getupdate/{job}?running=false")

    def assert_same(self, got: object, wanted: object) -> None:
        """Equal and of equal types: `1 == True == 1.0` is not enough."""
        assert repr(got) == repr(wanted)


if __name__ == "__main__":
    outcomes.tell(Outside)
