"""What the generated client `windmill-api` makes of our answers: each kind of thing is listed, created and read.

Its models take every field that they call required, so that a missing or misshapen one is an error here.
"""

import hashlib
import importlib
import inspect
import os
import re
import unittest
import uuid
from typing import Any

import httpx
import outcomes
from windmill_api import AuthenticatedClient

W = os.environ["WM_WORKSPACE"]
CLIENT = AuthenticatedClient(
    base_url=f"{os.environ['BASE_INTERNAL_URL']}/api",
    token=os.environ["WM_TOKEN"],
    timeout=httpx.Timeout(60),  # its default of 5 s is shorter than a long poll
)


def call(operation: str, *args: object, body: object = None, **more: object) -> Any:
    """What an operation answers, as `<tag>.<operation>`: parsed, or its text where the client does not parse."""
    function = importlib.import_module(f"windmill_api.api.{operation}").sync_detailed
    if body is not None:
        model = inspect.signature(function).parameters["json_body"].annotation
        more["json_body"] = model.from_dict(body) if hasattr(model, "from_dict") else body
    response = function(*args, client=CLIENT, **more)
    assert 200 <= response.status_code < 300, (operation, response.status_code, response.content)
    return response.content.decode() if response.parsed is None else response.parsed


def new_name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:12]}"


def new_path(kind: str = "item") -> str:
    return f"u/admin/{new_name(kind)}"


def rawscript(body: str) -> dict[str, Any]:
    """A step that has `x` of the input of its flow."""
    content = f"def main(x: int):\n    {body}\n"
    inputs = {"x": {"type": "javascript", "expr": "flow_input.x"}}
    return {"type": "rawscript", "language": "python3", "content": content, "input_transforms": inputs}


def ended(job: str) -> Any:
    """A job, once it has ended."""
    while not call("job.get_job_updates", W, job).completed:
        pass
    return call("job.get_completed_job", W, job)


class Calls(unittest.TestCase):
    def test_variables(self) -> None:
        path, secret = new_path(), new_path()
        call("variable.create_variable", W, body={"path": path, "value": "v", "is_secret": False, "description": "d"})
        call("variable.create_variable", W, body={"path": secret, "value": "s", "is_secret": True, "description": ""})
        found = call("variable.get_variable", W, path)
        assert (found.path, found.value, found.description) == (path, "v", "d")
        assert call("variable.get_variable_value", W, secret) == "s"
        assert call("variable.exists_variable", W, path) is True
        assert {path, secret} <= {each.path for each in call("variable.list_variable", W, path_start="u/admin/")}
        call("variable.update_variable", W, path, body={"value": "w"})
        assert call("variable.get_variable_value", W, path) == "w"
        assert [each.name for each in call("variable.list_contextual_variables", W)]
        assert call("variable.encrypt_value", W, body="plain")
        call("variable.delete_variable", W, path)
        assert call("variable.delete_variables_bulk", W, body={"paths": [secret]}) == [secret]
        assert call("variable.exists_variable", W, path) is False

    def test_objects(self) -> None:
        key, moved = f"{new_path()}.csv", f"{new_path()}.csv"
        call("helpers.file_upload", W, file_key=key)  # the generated client sends no body
        assert call("helpers.load_file_metadata", W, file_key=key).size_in_bytes == 0
        upload = {"file_key": key, "content_type": "text/csv"}
        url = f"/w/{W}/job_helpers/upload_s3_file"
        answer = CLIENT.get_httpx_client().post(url, params=upload, content=b"n,s\n1,a\n2,b\n")
        assert answer.json() == {"file_key": key}
        found = call("helpers.list_stored_files", W, max_keys=10, prefix=key)
        assert [each.s3 for each in found.windmill_large_files] == [key]
        assert found.restricted_access is False
        folder = call("helpers.list_stored_files_paged", W, prefix="u/admin/", max_keys=1000)
        assert folder.to_dict()
        told = call("helpers.load_file_metadata", W, file_key=key)
        assert (told.size_in_bytes, told.mime_type) == (12, "text/csv")
        preview = call("helpers.load_file_preview", W, file_key=key, csv_separator=",", csv_has_header=True)
        assert "n,s" in str(preview.to_dict())
        assert "rows" in call("helpers.load_csv_preview", W, key)
        assert call("helpers.load_table_row_count", W, key).count == 2
        call("helpers.move_s3_file", W, src_file_key=key, dest_file_key=moved)
        assert call("helpers.file_download", W, file_key=moved)
        assert call("helpers.check_s3_folder_exists", W, file_key="u/admin/")
        call("helpers.dataset_storage_test_connection", W)
        assert call("helpers.get_storage_usage", W).to_dict()
        assert call("helpers.s_3_resource_info", W, body={}).bucket == "_default_"
        assert "SET s3_endpoint" in call("helpers.duckdb_connection_settings_v2", W, body={}).connection_settings_str
        assert call("helpers.polars_connection_settings_v2", W, body={}).storage_options.to_dict()
        assert call("helpers.s_3_proxy_bucket", W).bucket == "_default_"
        call("helpers.delete_s3_file", W, file_key=moved)
        assert call("helpers.list_stored_files", W, max_keys=10, prefix=moved).windmill_large_files == []

    def test_resources(self) -> None:
        path = new_path()
        call("resource.create_resource", W, body={"path": path, "value": {"a": 1}, "resource_type": "any"})
        found = call("resource.get_resource", W, path)
        assert (found.path, found.resource_type, found.to_dict()["value"]) == (path, "any", {"a": 1})
        assert call("resource.exists_resource", W, path) is True
        assert path in {each.path for each in call("resource.list_resource", W, path_start="u/admin/")}
        assert path in {each.path for each in call("resource.list_resource_names", W, "any")}
        assert path in {each.path for each in call("resource.list_search_resource", W)}
        call("resource.update_resource", W, path, body={"description": "told"})
        call("resource.update_resource_value", W, path, body={"value": {"a": 2}})
        assert '"a":2' in call("resource.get_resource_value", W, path).replace(" ", "")
        assert '"a":2' in call("resource.get_resource_value_interpolated", W, path).replace(" ", "")
        history = call("resource.get_resource_history", W, path)
        assert history.to_dict()
        call("resource.delete_resource", W, path)
        assert call("resource.exists_resource", W, path) is False

    def test_resource_types(self) -> None:
        name = new_name("type")
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        call("resource.create_resource_type", W, body={"name": name, "schema": schema, "description": "d"})
        found = call("resource.get_resource_type", W, name)
        assert (found.name, found.description, found.to_dict()["schema"]) == (name, "d", schema)
        assert call("resource.exists_resource_type", W, name) is True
        names = {each.name for each in call("resource.list_resource_type", W)}
        assert {name, "postgresql", "s3"} <= names
        assert names == set(call("resource.list_resource_type_names", W))
        call("resource.list_resource_counts_by_type", W)
        call("resource.file_resource_type_to_file_ext_map", W)
        call("resource.update_resource_type", W, name, body={"description": "e"})
        call("resource.delete_resource_type", W, name)

    def test_scripts(self) -> None:
        path = new_path("script")
        content = "def main(x: int = 1):\n    return x\n"
        body = {"path": path, "content": content, "language": "python3", "summary": "s", "description": "d"}
        first = call("script.create_script", W, body=body)
        second = call("script.create_script", W, body={**body, "content": content + "\n", "parent_hash": first})
        by_path = call("script.get_script_by_path", W, path)
        assert (by_path.hash_, by_path.path, by_path.content) == (second, path, content + "\n")
        by_hash = call("script.get_script_by_hash", W, first)
        assert (by_hash.hash_, by_hash.content, by_hash.to_dict()["archived"]) == (first, content, True)
        assert call("script.exists_script_by_path", W, path) is True
        assert path in {each.path for each in call("script.list_scripts", W, path_start="u/admin/", per_page=1000)}
        assert path in {each.path for each in call("script.list_search_script", W)}
        assert path in call("script.list_script_paths", W)
        assert [each.script_hash for each in call("script.get_script_history_by_path", W, path)] == [second, first]
        assert call("script.get_script_latest_version", W, path).script_hash == second
        call("script.get_script_deployment_status", W, second)
        call("script.update_script_history", W, second, path, body={"deployment_msg": "second"})
        assert call("script.raw_script_by_path", W, f"{path}.py") == content + "\n"
        assert call("script.raw_script_by_hash", W, f"{first}.py") == content
        call("script.archive_script_by_path", W, path)
        assert call("script.archive_script_by_hash", W, second).hash_ == second
        assert call("script.delete_script_by_hash", W, first).hash_ == first
        assert call("script.delete_script_by_path", W, path) == path

    def test_favorites(self) -> None:
        path = new_path("script")
        call(
            "script.create_script",
            W,
            body={"path": path, "content": "", "language": "bash", "summary": "", "description": ""},
        )
        item = {"path": path, "favorite_kind": "script"}
        call("favorite.star", W, body=item)
        (found,) = call("script.list_scripts", W, starred_only=True)
        assert (found.path, found.starred) == (path, True)
        call("favorite.unstar", W, body=item)
        assert call("script.list_scripts", W, starred_only=True) == []

    def test_what_the_command_line_asks_for(self) -> None:
        source = "def main(): ..."
        digest = hashlib.sha256(source.encode()).hexdigest()
        body = {"scripts": {"u/admin/absent": digest}, "workspace_deps": []}
        assert call("script.diff_raw_scripts_with_deployed", W, body=body) == ["u/admin/absent"]
        assert digest in call("script.store_raw_script_temp", W, body=source)
        assert call("config.list_worker_groups") == []
        assert call("workspace.list_ws_specific", W) == []
        assert len(call("workspace.get_workspace_encryption_key", W).key) == 44

    def test_jobs(self) -> None:
        path = new_path("script")
        content = "def main(x: int = 1):\n    print('said')\n    return x\n"
        body = {"path": path, "content": content, "language": "python3", "summary": "", "description": ""}
        hash_ = call("script.create_script", W, body=body)
        assert call("job.run_wait_result_script_by_path", W, path, body={"x": 7}) == "7"
        assert call("job.run_script_preview_and_wait_result", W, body={
            "content": content, "language": "python3", "args": {"x": 8}
        }) == "8"  # fmt: skip
        later = call("job.run_script_by_path", W, path, body={}, scheduled_in_secs=3600)
        job = call("job.run_script_by_hash", W, hash_, body={"x": 9})
        while not call("job.get_job_updates", W, job).completed:
            pass
        done = call("job.get_completed_job", W, job)
        assert (done.id, done.success, done.script_path, done.to_dict()["result"]) == (job, True, path, 9)
        assert call("job.get_job", W, job).to_dict()["type"] == "CompletedJob"
        waiting = call("job.get_job", W, later)
        assert (waiting.to_dict()["type"], waiting.id) == ("QueuedJob", later)
        assert call("job.get_completed_job_result", W, job) == "9"
        maybe = call("job.get_completed_job_result_maybe", W, job)
        assert (maybe.completed, maybe.success, maybe.result) == (True, True, 9)
        assert call("job.get_completed_job_timing", W, job).to_dict()
        assert "said" in call("job.get_job_logs", W, job)
        assert '"x":9' in call("job.get_job_args", W, job).replace(" ", "")
        assert call("job.get_root_job_id", W, job) == job
        assert job in {each.id for each in call("job.list_completed_jobs", W, script_path_exact=path)}
        assert later in {each.id for each in call("job.list_queue", W, script_path_exact=path)}
        assert {job, later} <= {each.id for each in call("job.list_jobs", W, script_path_exact=path)}
        assert job in call("job.list_filtered_jobs_uuids", W, script_path_exact=path)
        assert call("job.list_filtered_queue_uuids", W, script_path_exact=path) == [later]
        assert call("job.get_queue_count", W).to_dict()
        assert call("job.get_completed_count", W).to_dict()
        assert isinstance(call("job.count_completed_jobs", W), int)
        assert isinstance(call("job.get_scheduled_for", W, later), int)
        assert isinstance(call("job.get_db_clock"), int)
        assert call("job.worker_is_draining", W, job) is False
        assert call("job.get_queue_position", W, call("job.get_db_clock")).to_dict() is not None
        assert call("concurrency_groups.list_extended_jobs", W).to_dict()
        assert call("job.cancel_queued_job", W, later, body={"reason": "r"}) == later
        assert call("job.delete_completed_job", W, job).id == job

    def test_flows(self) -> None:
        path, moved = new_path("flow"), new_path("flow")
        value = {"modules": [{"id": "a", "value": rawscript("return x + 1")}]}
        schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
        body = {"path": path, "summary": "s", "description": "d", "value": value, "schema": schema}
        call("flow.create_flow", W, body=body)
        first = call("flow.get_flow_latest_version", W, path).id
        call("flow.update_flow", W, path, body={**body, "path": moved, "deployment_message": "second"})
        found = call("flow.get_flow_by_path", W, moved)
        assert (found.is_draft, found["path"], found["summary"], found["schema"]) == (False, moved, "s", schema)
        assert [each["id"] for each in found["value"]["modules"]] == ["a"]  # which is locked by and by
        history = call("flow.get_flow_history", W, moved)
        assert [each.id for each in history] == [call("flow.get_flow_latest_version", W, moved).id, first]
        assert history[0].deployment_msg == "second"
        call("flow.update_flow_history", W, history[1].id, body={"deployment_msg": "first"})
        assert call("flow.get_flow_history", W, moved)[1].deployment_msg == "first"
        assert [each.id for each in call("flow.get_flow_version", W, first).value.modules] == ["a"]
        assert call("flow.exists_flow_by_path", W, moved) is True
        assert call("flow.exists_flow_by_path", W, path) is False
        listed = call("flow.list_flows", W, path_start="u/admin/", per_page=1000)
        assert [each["value"]["modules"][0]["id"] for each in listed if each["path"] == moved] == ["a"]
        assert moved in call("flow.list_flow_paths", W)
        assert moved in {each.path for each in call("flow.list_search_flow", W)}
        call("flow.get_flow_deployment_status", W, moved)
        assert call("job.run_wait_result_flow_by_path", W, moved, body={"x": 1}) == "2"
        assert call("job.run_wait_result_flow_by_version", W, first, body={"x": 2}) == "3"
        assert call("job.run_flow_preview_and_wait_result", W, body={"value": value, "args": {"x": 3}}) == "4"
        assert "5" in call("job.run_and_stream_flow_by_path", W, moved, body={"x": 4})
        by_path = ended(call("job.run_flow_by_path", W, moved, body={"x": 5}))
        by_version = ended(call("job.run_flow_by_version", W, first, body={"x": 6}))
        preview = ended(call("job.run_flow_preview", W, body={"value": value, "args": {"x": 7}}))
        assert [each.to_dict()["result"] for each in (by_path, by_version, preview)] == [6, 7, 8]
        call("flow.archive_flow_by_path", W, moved, body={"archived": True})
        assert moved not in call("flow.list_flow_paths", W)
        call("flow.delete_flow_by_path", W, moved)
        assert call("flow.exists_flow_by_path", W, moved) is False

    def test_what_is_told_of_a_flow_that_ran(self) -> None:
        loop = {"type": "forloopflow", "iterator": {"type": "static", "value": [1, 2]}, "skip_failures": False,
                "modules": [{"id": "b", "value": rawscript("print('said'); return x")}]}  # fmt: skip
        value = {"modules": [{"id": "a", "value": rawscript("return x")}, {"id": "loop", "value": loop}]}
        job = call("job.run_flow_preview", W, body={"value": value, "args": {"x": 1}})
        done = ended(job)
        assert (done.success, [each.type for each in done.flow_status.modules]) == (True, ["Success", "Success"])
        assert call("job.result_by_id", W, job, "a") == "1"
        assert call("job.get_flow_all_logs", W, job).count("said") == 2
        logs = call("job.get_flow_all_logs_structured", W, job)
        assert [each.label for each in logs if "said" in each.logs] == ["loop/b", "loop/b"]
        entries = call("job.get_flow_all_results", W, job, step="b").entries
        assert [(each.step_path, each.result_prefix) for each in entries] == [("loop/b", "1"), ("loop/b", "1")]
        again = call("job.restart_flow_at_step", W, job, body={"step_id": "loop", "branch_or_iteration_n": 1})
        assert ended(again).to_dict()["result"] == [1, 1]
        call("job.set_flow_user_state", W, job, "seen", body={"n": 1})
        assert call("job.get_flow_user_state", W, job, "seen").replace(" ", "") == '{"n":1}'
        lock = {"path": new_path("flow"), "flow_value": value}
        assert "updated_flow_value" in ended(call("job.run_flow_dependencies_async", W, body=lock)).to_dict()["result"]

    def test_schedules(self) -> None:
        path, script = new_path("schedule"), new_path("script")
        content = {"content": "def main(x: int = 1):\n    return x\n", "language": "python3"}
        call("script.create_script", W, body={"path": script, "summary": "", "description": "", **content})
        when = {"schedule": "0 0 0 * * FRI#2", "timezone": "Europe/Paris"}
        what = {"path": path, "script_path": script, "is_flow": False, "args": {"x": 2}, "enabled": False}
        call("schedule.create_schedule", W, body={**when, **what, "on_failure": f"script/{script}"})
        found = call("schedule.get_schedule", W, path)
        assert (found.path, found.schedule, found.enabled, found.is_draft) == (path, when["schedule"], False, False)
        assert (found.args.to_dict(), found.on_failure) == ({"x": 2}, f"script/{script}")
        retry = {"constant": {"attempts": 1, "seconds": 1}}
        call("schedule.update_schedule", W, path, body={**when, "args": {"x": 3}, "summary": "s", "retry": retry})
        call("schedule.set_schedule_enabled", W, path, body={"enabled": True})
        (listed,) = call("schedule.list_schedules", W, schedule_path=path)
        assert (listed.path, listed.enabled, listed.summary) == (path, True, "s")
        assert listed.args.to_dict() == {"x": 3}
        (told,) = [each for each in call("schedule.list_schedules_with_jobs", W, per_page=1000) if each.path == path]
        assert told.jobs == []
        next_ones = call("schedule.preview_schedule", body=when)
        assert len(next_ones) == 10
        assert all(each.hour in {22, 23} and each.tzinfo is not None for each in next_ones)
        assert call("schedule.exists_schedule", W, path) is True
        handler = {"handler_type": "error", "override_existing": False, "path": None}
        call("schedule.set_default_error_or_recovery_handler", W, body=handler)
        call("schedule.delete_schedule", W, path)
        assert call("schedule.exists_schedule", W, path) is False

    def test_folders(self) -> None:
        name = new_name("folder")
        call("folder.create_folder", W, body={"name": name, "summary": "s", "extra_perms": {"g/all": False}})
        found = call("folder.get_folder", W, name)
        assert (found.name, found.owners, found.extra_perms.to_dict()["g/all"]) == (name, ["u/admin"], False)
        assert call("folder.exists_folder", W, name) is True
        assert name in {each.name for each in call("folder.list_folders", W, per_page=1000)}
        assert name in call("folder.list_folder_names", W)
        assert call("folder.get_folder_usage", W, name).to_dict()
        call("folder.update_folder", W, name, body={"summary": "t"})
        call("folder.add_owner_to_folder", W, name, body={"owner": "g/all"})
        call("folder.remove_owner_to_folder", W, name, body={"owner": "g/all"})
        call("granular_acl.add_granular_acls", W, "folder", name, body={"owner": "g/all", "write": True})
        assert call("granular_acl.get_granular_acls", W, "folder", name).to_dict()["g/all"] is True
        call("granular_acl.remove_granular_acls", W, "folder", name, body={"owner": "g/all"})
        call("folder.delete_folder", W, name)

    def test_groups(self) -> None:
        name = new_name("group")
        call("group.create_group", W, body={"name": name, "summary": "s"})
        call("group.add_user_to_group", W, name, body={"username": "admin"})
        found = call("group.get_group", W, name)
        assert (found.name, found.summary, "admin" in found.members) == (name, "s", True)
        assert {name, "all"} <= {each.name for each in call("group.list_groups", W, per_page=1000)}
        assert {name, "all"} <= set(call("group.list_group_names", W))
        call("group.update_group", W, name, body={"summary": "t"})
        call("group.remove_user_to_group", W, name, body={"username": "admin"})
        call("group.delete_group", W, name)

    def test_users(self) -> None:
        name = new_name("user")
        email = f"{name}@example.org"
        account = {"email": email, "password": "a-long-enough-password", "super_admin": False, "name": "N"}
        call("user.create_user_globally", body=account)
        call("workspace.add_user", W, body={"email": email, "username": name, "is_admin": False, "operator": False})
        found = call("user.get_user", W, name)
        assert (found.email, found.username, found.is_admin, found.operator) == (email, name, False, False)
        assert name in {each.username for each in call("user.list_users", W)}
        assert name in call("user.list_usernames", W)
        assert call("user.whois", W, name).email == email
        assert call("user.username_to_email", W, name) == email
        call("user.update_user", W, name, body={"is_admin": True})
        assert call("user.whoami", W).username == "admin"
        assert call("user.global_whoami").email == os.environ["EMAIL"]
        assert call("user.get_current_email") == os.environ["EMAIL"]
        assert call("user.exists_email", email) is True
        assert email in {each.email for each in call("user.list_users_as_super_admin", per_page=1000)}
        assert call("user.is_owner_of_path", W, "u/admin/x") is True
        call("user.global_user_update", email, body={"is_super_admin": False, "name": "M"})
        call("user.delete_user", W, name)
        call("user.global_user_delete", email)

    def test_tokens(self) -> None:
        token = call("user.create_token", body={"label": "one", "scopes": ["variables:read"]})
        listed = {each.label: each for each in call("user.list_tokens", exclude_ephemeral=True, per_page=1000)}
        found = listed["one"]
        assert token.startswith(found.token_prefix)
        assert found.scopes == ["variables:read"]
        call("user.delete_token", found.token_prefix)
        assert "one" not in {each.label for each in call("user.list_tokens", per_page=1000)}

    def test_audit(self) -> None:
        path = new_path()
        call("variable.create_variable", W, body={"path": path, "value": "v", "is_secret": False, "description": ""})
        listed = call("audit.list_audit_logs", W, resource=path)
        assert [(each.operation, each.username) for each in listed] == [("variables.create", "admin")]
        found = call("audit.get_audit_log", W, listed[0].id)
        assert (found.operation, found.resource) == ("variables.create", path)

    def test_workspaces(self) -> None:
        name = new_name("w").replace("_", "-")
        call("workspace.create_workspace", body={"id": name, "name": "Named", "username": "admin"})
        assert name in {each.id for each in call("workspace.list_workspaces")}
        assert name in {each.id for each in call("workspace.list_workspaces_as_super_admin", per_page=1000)}
        assert name in {each.id for each in call("workspace.list_user_workspaces").workspaces}
        assert call("workspace.get_workspace_name", name) == "Named"
        assert call("workspace.get_settings", name).to_dict()["workspace_id"] == name
        assert call("workspace.exists_workspace", body={"id": name}) == "true"
        assert call("workspace.exists_username", body={"id": name, "username": "nobody"}) == "false"
        call("workspace.change_workspace_name", name, body={"new_name": "Other"})
        call("workspace.archive_workspace", name)
        call("workspace.unarchive_workspace", name)
        call("workspace.delete_workspace", name)

    def test_instance(self) -> None:
        assert re.search(r" v1\.\d+\.\d+", call("settings.backend_version"))
        assert call("settings.backend_uptodate")
        assert call("health.get_health_status").to_dict()["database_healthy"] is True
        worker = call("worker.list_workers")[0]
        assert worker.worker
        assert call("worker.exists_workers_with_tags", tags="python3", workspace=W).to_dict() == {"python3": True}
        assert "python3" in call("worker.ge_default_tags")
        assert isinstance(call("worker.get_custom_tags"), list)
        assert isinstance(call("worker.get_custom_tags_for_workspace", W), list)
        assert call("worker.get_counts_of_jobs_waiting_per_tag").to_dict() is not None
        assert isinstance(call("setting.list_global_settings"), list)
        assert call("setting.get_global", "nothing_of_this_name") == "null"
        assert isinstance(call("concurrency_groups.list_concurrency_groups"), list)


if __name__ == "__main__":
    outcomes.tell(Calls)
