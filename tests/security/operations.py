"""One call of every operation of the API that succeeds, on data that `seed` makes.

The table names operations as the OpenAPI document does. Calls do not build on each other: what one takes away is seeded
for it alone, so that a failure tells about its own operation.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.api.at_work import SOURCE, Worker, deploy, run
from tests.api.conftest import JOB_SECRET, PASSWORD, Api
from tests.api.suspended import Suspended, suspended
from tests.security.world import put_table
from tidemill.db import workflows
from tidemill.db.queries import inline
from tidemill.engine import job_token

W: Final = "/api/w/main"
SCRIPT: Final = "u/dev/hello"
DOOMED: Final = "u/dev/doomed"
OBJECT: Final = "u/dev/object"
SCHEDULE: Final = {"schedule": "0 0 12 * * *", "timezone": "UTC", "script_path": SCRIPT, "is_flow": False, "args": {}}
PREVIEW: Final = {"language": "python3", "content": SOURCE}
FLOW: Final = "u/dev/stream"
FLOW_VALUE: Final = {"modules": [{"id": "a", "value": {"type": "identity"}}]}
DEPENDENCIES: Final = {"raw_scripts": [{"raw_code": SOURCE, "language": "python3"}]}
TABLE: Final = "u/dev/table.csv"
BY_KEY: Final = ("load_file_preview", "describe_object", "download_s3_parquet_file_as_csv")
BY_PATH: Final = ("load_parquet_preview", "load_csv_preview", "preview_table", "load_table_count")


@dataclass(kw_only=True)
class Call:
    """What an operation is called with.

    Attributes:
        at: the values of the placeholders of its path; `workspace` is `main` unless said.
        by: the member of `Api` that calls, or another client.
        waits: whether it answers only once the job that it starts has ended.
        status: where the only right answer is no success; `why` says why.
    """

    at: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    by: str | httpx.AsyncClient = "superadmin"
    waits: bool = False
    status: int | None = None
    why: str = ""

    def url(self, template: str) -> str:
        """The path, placeholders filled in."""
        return template.format(**{"workspace": "main", **self.at})


@dataclass(kw_only=True)
class Seeded:
    """What is there: ids are of jobs of `SCRIPT` unless said."""

    flow_version: int
    script_hash: str
    spare_hash: str
    doomed_hash: str
    waiting: list[str]
    running: str
    ended: str
    erased: str
    flow: str
    fence: dict[str, int]
    versions: dict[str, list[int]]
    audit_id: int
    token_prefix: str
    access_key: str
    upload: str
    finished: str
    abandoned: str
    link: str
    leaver: httpx.AsyncClient
    left: httpx.AsyncClient
    signed_in: httpx.AsyncClient
    itself: httpx.AsyncClient
    asking: Suspended
    stopped: Suspended
    signatures: list[str]


PLAIN: Final = """
GET /api/version
GET /api/uptodate
GET /api/health/status
GET /health
GET /ready
GET /api/oidc/.well-known/openid-configuration
GET /api/oidc/jwks
GET /api/users/whoami
GET /api/users/email
GET /api/users/list_as_super_admin
GET /api/users/tokens/list
GET /api/workspaces/list
GET /api/workspaces/list_as_superadmin
GET /api/workspaces/users
GET /api/settings/list_global
GET /api/settings/keys
GET /api/workers/list
GET /api/workers/queue_counts
GET /api/workers/get_default_tags
GET /api/workers/custom_tags
GET /api/concurrency_groups/list
GET /api/jobs/db_clock
GET /api/w/{workspace}/workers/custom_tags
GET /api/w/{workspace}/workspaces/tarball
GET /api/w/{workspace}/favorites/list
GET /api/w/{workspace}/workspaces/list_ws_specific
GET /api/w/{workspace}/workspaces/encryption_key
GET /api/configs/list_worker_groups
GET /api/w/{workspace}/audit/list
GET /api/w/{workspace}/audit/export
GET /api/w/{workspace}/access_keys/list
GET /api/w/{workspace}/concurrency_groups/list_jobs
GET /api/w/{workspace}/folders/list
GET /api/w/{workspace}/folders/listnames
GET /api/w/{workspace}/groups/list
GET /api/w/{workspace}/groups/listnames
GET /api/w/{workspace}/users/whoami
GET /api/w/{workspace}/users/list
GET /api/w/{workspace}/users/list_usernames
GET /api/w/{workspace}/workspaces/get_workspace_name
GET /api/w/{workspace}/workspaces/get_settings
GET /api/w/{workspace}/workspaces/get_secondary_storage_names
GET /api/w/{workspace}/storages/list
GET /api/w/{workspace}/storages/usage
GET /api/w/{workspace}/job_helpers/storage_usage
GET /api/w/{workspace}/job_helpers/test_connection
GET /api/w/{workspace}/storage_access/list
GET /api/w/{workspace}/object_uploads/list
GET /api/w/{workspace}/object_links/list
GET /api/w/{workspace}/job_helpers/list_stored_files_paged
GET /api/w/{workspace}/variables/list
GET /api/w/{workspace}/variables/list_contextual
GET /api/w/{workspace}/resources/list
GET /api/w/{workspace}/resources/list_search
GET /api/w/{workspace}/resources/file_resource_type_to_file_ext_map
GET /api/w/{workspace}/resources/type/list
GET /api/w/{workspace}/resources/type/listnames
GET /api/w/{workspace}/resources/type/resource_counts
GET /api/w/{workspace}/schedules/list
GET /api/w/{workspace}/schedules/list_with_jobs
GET /api/w/{workspace}/triggers_history/list
GET /api/w/{workspace}/scripts/list
GET /api/w/{workspace}/scripts/list_paths
GET /api/w/{workspace}/scripts/list_search
GET /api/w/{workspace}/flows/list
GET /api/w/{workspace}/flows/last_runs
GET /api/w/{workspace}/flows/list_paths
GET /api/w/{workspace}/flows/list_search
GET /api/w/{workspace}/jobs/list
GET /api/w/{workspace}/jobs/queue/list
GET /api/w/{workspace}/jobs/completed/list
GET /api/w/{workspace}/jobs/list_filtered_uuids
GET /api/w/{workspace}/jobs/queue/list_filtered_uuids
GET /api/w/{workspace}/jobs/queue/count
GET /api/w/{workspace}/jobs/completed/count
GET /api/w/{workspace}/jobs/completed/count_jobs
"""
"""Operations that need no arguments."""


def calls(seeded: Seeded) -> dict[str, Call]:
    """`METHOD /path/{template}` -> its call."""
    plain = {line: Call() for line in PLAIN.split("\n") if line}
    within = {
        **_people(seeded),
        **_items(seeded),
        **_scripts(seeded),
        **_flows(seeded),
        **_jobs(seeded),
        **_objects(seeded),
    }
    return {**plain, **_instance(seeded), **{_whole(key): call for key, call in within.items()}}


def _whole(key: str) -> str:
    """`GET users/get/{username}` -> `GET /api/w/{workspace}/users/get/{username}`."""
    method, path = key.split(" ")
    return f"{method} /api/w/{{workspace}}/{path}"


def _instance(seeded: Seeded) -> dict[str, Call]:
    return {
        "POST /api/auth/login": Call(body={"email": "pass@x.org", "password": PASSWORD}, by="anonymous"),
        "POST /api/auth/logout": Call(by=seeded.left),
        "GET /api/users/exists/{email}": Call(at={"email": "dev@x.org"}),
        "POST /api/schedules/preview": Call(body={"schedule": "0 0 12 * * *", "timezone": "Europe/Paris"}),
        "POST /api/users/create": Call(body={"email": "new@x.org", "password": PASSWORD, "name": "New"}),
        "POST /api/users/update/{email}": Call(at={"email": "dev@x.org"}, body={"name": "Dev"}),
        "DELETE /api/users/delete/{email}": Call(at={"email": "gone@x.org"}),
        "POST /api/users/setpassword": Call(body={"password": PASSWORD}, by=seeded.signed_in),
        "POST /api/users/set_password_of/{user}": Call(at={"user": "op@x.org"}, body={"password": PASSWORD}),
        "POST /api/users/tokens/create": Call(body={"label": "ci", "workspace_id": "main", "scopes": ["jobs:read"]}),
        "DELETE /api/users/tokens/delete/{token_prefix}": Call(at={"token_prefix": seeded.token_prefix}),
        "POST /api/users/tokens/impersonate": Call(body={"impersonate_email": "dev@x.org"}),
        "POST /api/workspaces/create": Call(body={"id": "fresh", "name": "Fresh", "username": "root"}),
        "POST /api/workspaces/exists": Call(body={"id": "main"}),
        "POST /api/workspaces/exists_username": Call(body={"id": "main", "username": "dev"}),
        "DELETE /api/workspaces/delete/{workspace_id}": Call(at={"workspace_id": "doomed"}),
        "POST /api/workspaces/unarchive/{workspace_id}": Call(at={"workspace_id": "stored"}),
        "GET /api/settings/global/{key}": Call(at={"key": "custom_tags"}),
        "POST /api/settings/global/{key}": Call(at={"key": "custom_tags"}, body={"value": ["gpu"]}),
        "GET /api/workers/exists_workers_with_tags": Call(query={"tags": "python3,bash"}),
        "GET /api/concurrency_groups/{id}/key": Call(at={"id": seeded.running}),
    }


def _people(seeded: Seeded) -> dict[str, Call]:
    dev, folder, group = {"username": "dev"}, {"name": "shared"}, {"name": "crew"}
    script = {"kind": "script", "path": SCRIPT}
    return {
        "POST workspaces/archive": Call(at={"workspace": "other"}),
        "POST workspaces/change_workspace_name": Call(body={"new_name": "Main"}),
        "POST workspaces/change_workspace_color": Call(body={"color": "#00aa00"}),
        "POST workspaces/encryption_key": Call(body={"new_key": "A" * 43 + "="}),
        "POST workspaces/edit_large_file_storage_config": Call(
            body={"large_file_storage": {"secondary_storage": {"lake": {}, "spare": {}, "doomed": {}}}}
        ),
        "POST storages/create": Call(body={"name": "fresh"}),
        **{f"GET job_helpers/{each}": Call(query={"file_key": TABLE}) for each in BY_KEY},
        **{f"GET job_helpers/{each}/{{path}}": Call(at={"path": TABLE}) for each in BY_PATH},
        "DELETE storages/delete/{name}": Call(at={"name": "doomed"}),
        "POST storages/examine/{name}": Call(at={"name": "_default_"}),
        "POST storages/explain": Call(body={"key": "u/dev/a", "action": "read"}),
        "POST workspaces/add_user": Call(body={"email": "added@x.org", "username": "added", "role": "operator"}),
        "POST workspaces/leave": Call(by=seeded.leaver),
        "GET users/get/{username}": Call(at=dev),
        "GET users/whois/{username}": Call(at=dev),
        "GET users/exists/{username}": Call(at=dev),
        "GET users/username_to_email/{username}": Call(at=dev),
        "GET users/is_owner/{path}": Call(at={"path": SCRIPT}),
        "POST users/update/{username}": Call(at={"username": "op"}, body={"role": "developer"}),
        "DELETE users/delete/{username}": Call(at={"username": "former"}),
        "GET groups/get/{name}": Call(at=group),
        "POST groups/create": Call(body={"name": "night", "summary": "At night"}),
        "POST groups/update/{name}": Call(at=group, body={"summary": "All of us"}),
        "DELETE groups/delete/{name}": Call(at={"name": "doomed"}),
        "POST groups/adduser/{name}": Call(at=group, body={"username": "op"}),
        "POST groups/removeuser/{name}": Call(at=group, body={"username": "dev"}),
        "GET folders/get/{name}": Call(at=folder),
        "GET folders/exists/{name}": Call(at=folder),
        "GET folders/getusage/{name}": Call(at=folder),
        "GET folders/is_owner/{name}": Call(at=folder),
        "POST folders/create": Call(body={"name": "another"}),
        "POST folders/update/{name}": Call(at=folder, body={"summary": "For all"}),
        "DELETE folders/delete/{name}": Call(at={"name": "doomed"}),
        "POST folders/addowner/{name}": Call(at=folder, body={"owner": "u/op"}),
        "POST folders/removeowner/{name}": Call(at=folder, body={"owner": "u/op"}),
        "GET acls/get/{kind}/{path}": Call(at=script),
        "POST acls/add/{kind}/{path}": Call(at=script, body={"owner": "u/op", "write": True}),
        "POST acls/remove/{kind}/{path}": Call(at=script, body={"owner": "u/op"}),
        "POST favorites/star": Call(body={"path": SCRIPT, "favorite_kind": "script"}),
        "POST favorites/unstar": Call(body={"path": SCRIPT, "favorite_kind": "script"}),
        "POST imports/windmill": Call(
            body={"url": "http://127.0.0.1:9", "workspace": "main", "token": "t"},
            status=424,
            why="there is no Windmill to be asked",
        ),
        "GET audit/get/{id}": Call(at={"id": seeded.audit_id}),
        "POST s3_credentials": Call(),
        "POST access_keys/create": Call(body={"label": "ci", "read_only": True}, by="developer"),
        "DELETE access_keys/delete/{access_key}": Call(at={"access_key": seeded.access_key}),
    }


def _items(seeded: Seeded) -> dict[str, Call]:
    variable, resource, doomed, kind = {"path": "u/dev/v"}, {"path": "u/dev/r"}, {"path": DOOMED}, {"name": "shelf"}
    table, no_database = {"schema": "public", "table": "t"}, "the resource is no database, and the answer says so"
    schedule = {"path": "u/dev/s"}
    untested = "no store brings a test of its connections, and the answer says so"
    found = {
        "POST variables/create": Call(body={"path": "u/dev/v2", "value": "x", "is_secret": True, "description": ""}),
        "POST variables/update/{path}": Call(at=variable, body={"value": "three"}),
        "POST variables/encrypt": Call(body="a secret"),
        "GET variables/get/{path}": Call(at=variable, query={"decrypt_secret": True}),
        "GET variables/get_value/{path}": Call(at=variable),
        "GET variables/exists/{path}": Call(at=variable),
        "POST resources/create": Call(body={"path": "u/dev/r2", "value": {"a": 1}, "resource_type": "any"}),
        "POST resources/update/{path}": Call(at=resource, body={"value": {"n": 4}, "description": "Four"}),
        "POST resources/update_value/{path}": Call(at=resource, body={"value": {"n": 5}}),
        "GET resources/get/{path}": Call(at=resource),
        "GET resources/get_value/{path}": Call(at=resource),
        "GET resources/get_value_interpolated/{path}": Call(at=resource),
        "GET resources/exists/{path}": Call(at=resource),
        "GET resources/list_names/{name}": Call(at={"name": "any"}),
        "POST resources/test/{path}": Call(at=resource, status=501, why=untested),
        "POST resources/test_value": Call(body={"resource_type": "any", "value": {}}, status=501, why=untested),
        "POST resources/from_url": Call(body={"url": "postgres://ann:pw@db/orders"}),
        "POST databases/tables": Call(body={"resource": "u/dev/r"}, status=501, why=no_database),
        "POST databases/table": Call(body={"resource": "u/dev/r", **table}, status=501, why=no_database),
        "POST databases/rows": Call(body={"resource": "u/dev/r", **table}, status=501, why=no_database),
        "POST databases/change": Call(
            body={"resource": "u/dev/r", "changes": [{"kind": "insert", **table}]}, status=501, why=no_database
        ),
        "POST databases/define": Call(
            body={"resource": "u/dev/r", "steps": [{"kind": "drop_table", **table}]}, status=501, why=no_database
        ),
        "POST databases/export": Call(body={"resource": "u/dev/r", **table}, status=501, why=no_database),
        "POST databases/import": Call(
            body={"resource": "u/dev/r", "from": {"s3": OBJECT}, **table}, status=501, why=no_database
        ),
        "POST databases/import_file": Call(query={"resource": "u/dev/r", **table}, status=501, why=no_database),
        "POST databases/run": Call(body={"resource": "u/dev/r", "content": "select 1"}, status=501, why=no_database),
        "GET databases/history": Call(),
        "DELETE databases/history": Call(),
        "DELETE databases/history/{id}": Call(at={"id": 1}, status=404, why="nothing ran that would be in the history"),
        "POST databases/explain": Call(
            body={"resource": "u/dev/r", "content": "select 1"}, status=501, why=no_database
        ),
        "GET resources/type/get/{name}": Call(at=kind),
        "GET resources/type/exists/{name}": Call(at=kind),
        "POST resources/type/create": Call(body={"name": "crate", "schema": {"type": "object"}}),
        "POST resources/type/update/{name}": Call(at=kind, body={"description": "A shelf"}),
        "DELETE resources/type/delete/{name}": Call(at={"name": "doomed"}),
        "POST oidc/token/{audience}": Call(at={"audience": "sts.amazonaws.com"}, query={"expires_in": 60}),
        "POST leases/acquire/{path}": Call(at={"path": "u/dev/l1"}, body={"holder": "me", "ttl_s": 60}),
        "POST leases/renew/{path}": Call(at={"path": "u/dev/l2"}, body={"fence": seeded.fence["u/dev/l2"]}),
        "POST leases/release/{path}": Call(at={"path": "u/dev/l3"}, body={"fence": seeded.fence["u/dev/l3"]}),
        "POST schedules/create": Call(body={**SCHEDULE, "path": "u/dev/s2"}),
        "POST schedules/update/{path}": Call(at=schedule, body={"summary": "Each noon"}),
        "POST schedules/setenabled/{path}": Call(at=schedule, body={"enabled": False}),
        "DELETE schedules/delete/{path}": Call(at=doomed),
        "POST schedules/setdefaulthandler": Call(
            body={"handler_type": "error", "override_existing": False, "path": SCRIPT, "extra_args": {}}
        ),
        "GET schedules/get/{path}": Call(at=schedule),
        "GET schedules/exists/{path}": Call(at=schedule),
        "GET schedules/next/{path}": Call(at=schedule),
        "GET schedules/occurrences/{path}": Call(at=schedule),
        "GET leases/get/{path}": Call(at={"path": "u/dev/l2"}),
    }
    for noun in ("variables", "resources"):
        old, new = seeded.versions[noun]
        found |= {
            f"DELETE {noun}/delete/{{path}}": Call(at=doomed),
            f"DELETE {noun}/delete_bulk": Call(body={"paths": ["u/dev/bulk"]}),
            f"GET {noun}/history/p/{{path}}": Call(at={"path": "u/dev/old"}),
            f"DELETE {noun}/history/p/{{path}}": Call(at={"path": "u/dev/forget"}),
            f"GET {noun}/history/v/{{id}}": Call(at={"id": old}),
            f"GET {noun}/history/diff": Call(query={"from": old, "to": new}),
            f"POST {noun}/history/restore/v/{{id}}": Call(at={"id": old}),
        }
    return found


def _scripts(seeded: Seeded) -> dict[str, Call]:
    by_path, by_hash = {"path": SCRIPT}, {"hash": seeded.script_hash}
    new = {"summary": "", "content": SOURCE, "language": "python3"}
    return {
        "POST scripts/raw_temp/diff": Call(body={"scripts": {SCRIPT: "0" * 64}, "workspace_deps": []}),
        "POST scripts/raw_temp/store": Call(body="def main(): ..."),
        "POST scripts/create": Call(body={"path": "u/dev/new", **new}),
        "POST scripts/update/{path}": Call(at={"path": "u/dev/spare"}, body={"path": "u/dev/spare", **new}),
        "POST scripts/archive/p/{path}": Call(at={"path": "u/dev/archived"}),
        "POST scripts/archive/h/{hash}": Call(at={"hash": seeded.spare_hash}),
        "POST scripts/delete/h/{hash}": Call(at={"hash": seeded.doomed_hash}),
        "POST scripts/delete/p/{path}": Call(at={"path": "u/dev/deleted"}),
        "GET scripts/history/p/{path}": Call(at=by_path),
        "GET scripts/get_latest_version/{path}": Call(at=by_path),
        "POST scripts/history_update/h/{hash}/p/{path}": Call(at=by_path | by_hash, body={"deployment_msg": "First"}),
        "POST scripts/toggle_workspace_error_handler/p/{path}": Call(at=by_path, body={"muted": True}),
        "GET scripts/deployment_status/h/{hash}": Call(at=by_hash),
        "GET scripts/get/p/{path}": Call(at=by_path),
        "GET scripts/get/h/{hash}": Call(at=by_hash),
        "GET scripts/exists/p/{path}": Call(at=by_path),
        "GET scripts/raw/p/{path}": Call(at={"path": f"{SCRIPT}.py"}),
        "GET scripts/raw/h/{path}": Call(at={"path": f"{seeded.script_hash}.py"}),
        "POST scripts/infer_schema": Call(body=PREVIEW),
    }


def _flows(seeded: Seeded) -> dict[str, Call]:
    by_path, by_version, preview = {"path": FLOW}, {"version": seeded.flow_version}, {"value": FLOW_VALUE}
    return {
        "POST flows/create": Call(body={"path": "u/dev/new_flow", "value": FLOW_VALUE, "summary": ""}),
        "POST flows/check": Call(body={"value": FLOW_VALUE}),
        "POST flows/update/{path}": Call(at={"path": "u/dev/river"}, body={"path": "u/dev/river", "value": FLOW_VALUE}),
        "POST flows/archive/{path}": Call(at={"path": "u/dev/brook"}, body={"archived": True}),
        "DELETE flows/delete/{path}": Call(at={"path": "u/dev/rill"}),
        "GET flows/get/v/{version}": Call(at=by_version),
        "GET flows/get/{path}": Call(at=by_path),
        "GET flows/get_latest_version/{path}": Call(at=by_path),
        "GET flows/exists/{path}": Call(at=by_path),
        "GET flows/deployment_status/p/{path}": Call(at=by_path),
        "GET flows/history/p/{path}": Call(at=by_path),
        "POST flows/history_update/v/{version}": Call(at=by_version, body={"deployment_msg": "First"}),
        "POST jobs/run/f/{path}": Call(at=by_path, body={"name": "ada"}),
        "POST jobs/run/fv/{version}": Call(at=by_version, body={"name": "ada"}),
        "POST jobs/run/preview_flow": Call(body=preview),
        "POST jobs/run_wait_result/preview_flow": Call(body=preview, waits=True),
        "GET jobs/run_wait_result/f/{path}": Call(at=by_path, waits=True),
        "POST jobs/run_wait_result/f/{path}": Call(at=by_path, waits=True),
        "GET jobs/run_wait_result/fv/{version}": Call(at=by_version, waits=True),
        "POST jobs/run_wait_result/fv/{version}": Call(at=by_version, waits=True),
        "GET jobs/run_and_stream/f/{path}": Call(at=by_path, waits=True),
        "POST jobs/run_and_stream/f/{path}": Call(at=by_path, waits=True),
        "GET jobs/run_and_stream/fv/{version}": Call(at=by_version, waits=True),
        "POST jobs/run_and_stream/fv/{version}": Call(at=by_version, waits=True),
    }


def _jobs(seeded: Seeded) -> dict[str, Call]:
    by_path, by_hash = {"path": SCRIPT}, {"hash": seeded.script_hash}
    ended, running, state = {"id": seeded.ended}, {"id": seeded.running}, {"id": seeded.flow, "key": "a"}
    found = {
        f"GET jobs_u/{name}/{{id}}": Call(at=ended)
        for name in (
            "get_flow_all_logs", "get_flow_all_logs_structured", "get_flow_all_results",
            "get", "get_root_job_id", "get_args", "get_logs", "get_completed_logs_tail", "getupdate", "getupdate_sse",
            "flow_changes_sse",
            "completed/get", "completed/get_result", "completed/get_result_maybe", "completed/get_timing",
        )
    }  # fmt: skip
    for verb in ("run_wait_result", "run_and_stream"):
        for part, at in (("p/{path}", by_path), ("h/{hash}", by_hash)):
            found[f"GET jobs/{verb}/{part}"] = Call(at=at, waits=True)
            found[f"POST jobs/{verb}/{part}"] = Call(at=at, body={"name": "ada"}, waits=True)
    return found | {
        "POST jobs/run/p/{path}": Call(at=by_path, body={"name": "ada"}),
        "POST jobs/run/h/{hash}": Call(at=by_hash, body={"name": "ada"}),
        "POST jobs/run/preview": Call(body=PREVIEW),
        "POST jobs/run_wait_result/preview": Call(body=PREVIEW, waits=True),
        "POST jobs/run_inline/preview": Call(body=PREVIEW, waits=True),
        "POST jobs/run_inline/p/{path}": Call(at=by_path, body={"args": {"name": "ada"}}, waits=True),
        "POST jobs/run_inline/h/{hash}": Call(at=by_hash, body={"args": {"name": "ada"}}, waits=True),
        "POST jobs/run/dependencies_async": Call(body=DEPENDENCIES),
        "POST jobs/run/dependencies": Call(body=DEPENDENCIES, waits=True),
        "POST jobs/run/flow_dependencies_async": Call(body={"path": "u/dev/new_flow", "flow_value": FLOW_VALUE}),
        "POST jobs/run/batch_rerun_jobs": Call(body={"job_ids": [seeded.ended]}),
        "POST jobs_u/queue/cancel/{id}": Call(at={"id": seeded.waiting[0]}, body={"reason": "enough"}),
        "POST jobs_u/queue/force_cancel/{id}": Call(at={"id": seeded.waiting[1]}, body={}),
        "POST jobs/queue/cancel_selection": Call(body=[seeded.waiting[2]]),
        "POST jobs/completed/delete/{id}": Call(at={"id": seeded.erased}),
        "POST jobs/delete": Call(body=[seeded.waiting[3]]),
        "GET jobs/queue/position/{scheduled_for}": Call(at={"scheduled_for": time.time_ns() // 1_000_000}),
        "GET jobs/attempts/{id}": Call(at={"id": seeded.ended}),
        "GET jobs/queue/scheduled_for/{id}": Call(at={"id": seeded.waiting[4]}),
        "POST jobs/queue/run_now/{id}": Call(at={"id": seeded.waiting[4]}),
        "GET jobs/worker_is_draining/{id}": Call(at=running),
        "POST job_metrics/set_progress/{id}": Call(at=running, body={"percent": 10}),
        "GET job_metrics/get_progress/{id}": Call(at=running),
        "POST job_metrics/get/{id}": Call(at=running, body={}),
        **_approvals(seeded),
        **_workflows(seeded),
        "GET jobs/result_by_id/{flow_job_id}/{node_id}": Call(at={"flow_job_id": seeded.asking.flow, "node_id": "ask"}),
        "POST jobs/restart/f/{id}": Call(at={"id": seeded.stopped.flow}, body={"step_id": "ask"}),
        "GET jobs/flow/user_states/{id}/{key}": Call(at=state),
        "POST jobs/flow/user_states/{id}/{key}": Call(at=state, body={"n": 1}),
    }


def _approvals(seeded: Seeded) -> dict[str, Call]:
    step = str(seeded.asking.step)
    links = [
        {"id": step, "resume_id": number, "signature": signature} for number, signature in enumerate(seeded.signatures)
    ]
    return {
        "GET jobs/job_signature/{id}/{resume_id}": Call(at={"id": step, "resume_id": 1}),
        "GET jobs/resume_urls/{id}/{resume_id}": Call(at={"id": step, "resume_id": 1}),
        "GET jobs_u/resume/{id}/{resume_id}/{signature}": Call(at=links[0], by="anonymous"),
        "POST jobs_u/resume/{id}/{resume_id}/{signature}": Call(at=links[1], body={"a": 1}, by="anonymous"),
        "GET jobs_u/cancel/{id}/{resume_id}/{signature}": Call(at=links[2], by="anonymous"),
        "POST jobs_u/cancel/{id}/{resume_id}/{signature}": Call(at=links[3], body={}, by="anonymous"),
        "GET jobs_u/get_flow/{id}/{resume_id}/{signature}": Call(at=links[0], by="anonymous"),
        "GET jobs_u/flow/approval_info/{job_id}": Call(at={"job_id": step}),
        "POST jobs_u/flow/resume_suspended/{job_id}": Call(at={"job_id": step}, body={}, by="admin"),
        "POST jobs/flow/resume/{id}": Call(at={"id": seeded.asking.flow}, body={"a": 1}),
    }


def _workflows(seeded: Seeded) -> dict[str, Call]:
    task = Call(at={"job_id": seeded.running, "function": "double"}, body={"args": {"n": 1}}, by=seeded.itself)
    return {
        "POST jobs/wac/inline_checkpoint/{job_id}": Call(
            at={"job_id": seeded.running},
            body={"key": "read", "result": [1], "started_at": "2026-01-01T00:00:00+00:00", "duration_ms": 1},
            by=seeded.itself,
        ),
        "GET jobs/wac_approval_urls/{id}/{step_key}": Call(at={"id": seeded.running, "step_key": "manager"}),
        "POST jobs/run/workflow_as_code/{job_id}/{function}": task,
        "POST jobs/workflow_as_code/{job_id}/{function}": task,
    }


def _objects(seeded: Seeded) -> dict[str, Call]:
    here, doomed = {"file_key": OBJECT}, {"file_key": f"{OBJECT}/doomed"}
    return {
        "POST job_helpers/upload_s3_file": Call(query={"file_key": f"{OBJECT}/new"}),
        "GET job_helpers/download_s3_file": Call(query=here),
        "DELETE job_helpers/delete_s3_file": Call(query=doomed),
        "POST job_helpers/delete_s3_files": Call(body={"file_keys": [f"{OBJECT}/doomed"]}),
        "GET job_helpers/move_s3_file": Call(
            query={"src_file_key": f"{OBJECT}/moved", "dest_file_key": f"{OBJECT}/there"}
        ),
        "POST job_helpers/copy_s3_file": Call(body={"src_file_key": OBJECT, "dest_file_key": f"{OBJECT}/copy"}),
        "GET job_helpers/load_file_metadata": Call(query=here),
        "GET job_helpers/list_stored_files": Call(query={"max_keys": 10}),
        "GET job_helpers/check_s3_folder_exists": Call(query=here),
        "POST job_helpers/v2/s3_resource_info": Call(),
        "POST job_helpers/v2/duckdb_connection_settings": Call(),
        "POST job_helpers/v2/polars_connection_settings": Call(),
        "POST job_helpers/duckdb_connection_settings": Call(),
        "POST job_helpers/polars_connection_settings": Call(),
        "GET job_helpers/v2/s3_proxy_bucket": Call(),
        "POST object_uploads/start": Call(query=here),
        "PUT object_uploads/part/{id}/{number}": Call(at={"id": seeded.upload, "number": 1}, query=here),
        "GET object_uploads/parts/{id}": Call(at={"id": seeded.upload}, query=here),
        "POST object_uploads/complete/{id}": Call(at={"id": seeded.finished}, query=here),
        "DELETE object_uploads/abort/{id}": Call(at={"id": seeded.abandoned}, query=here),
        "POST object_uploads/settle/{id}": Call(at={"id": seeded.upload}, query={"keep": True}),
        "POST apps/sign_s3_objects": Call(body={"s3_objects": [{"s3": OBJECT}]}),
        "DELETE object_links/revoke/{id}": Call(at={"id": seeded.link}),
        "POST object_links/revoke_all": Call(body={"s3": OBJECT}),
    }


async def seed(api: Api) -> Seeded:
    """Make what the calls need."""
    await _seed_people(api)
    fence, versions = await _seed_items(api)
    await put_table(api, TABLE, owner="dev@x.org")
    script_hash = await deploy(api.developer, SCRIPT)
    for path in ("u/dev/s", DOOMED):
        await _ok(api.developer, "POST", f"{W}/schedules/create", {**SCHEDULE, "path": path})
    spare_hash = await deploy(api.developer, "u/dev/by_hash")
    doomed_hash = await deploy(api.developer, "u/dev/erased")
    for name in ("spare", "archived", "deleted"):
        await deploy(api.developer, f"u/dev/{name}")
    for name in ("stream", "river", "brook", "rill"):
        flow = {"path": f"u/dev/{name}", "summary": "", "value": FLOW_VALUE}
        await _ok(api.developer, "POST", f"{W}/flows/create", flow)
    flow_version = (await _ok(api.developer, "GET", f"{W}/flows/get/{FLOW}")).json()["version_id"]
    worker = Worker(api)
    first = [await run(api.developer, SCRIPT) for _ in range(4)]
    ended, erased, running, flow = first
    await worker.end(ended, b'{"n": 1}')
    await worker.log(running, "at work\n")
    await worker.end(erased)
    await api.parts.database.single.execute(inline("update job set kind = 'flow' where id = :id"), id=flow)
    parts = api.parts
    await workflows.begin_round(parts.database.single, parts.keyring, parts.values, "main", running)
    waiting = [str(await run(api.developer, SCRIPT, scheduled_in_secs=3600)) for _ in range(5)]
    audit = (await api.superadmin.get(f"{W}/audit/list")).json()
    leaver = await api.person("leaver")
    left = await api.client(await api.token("leaver@x.org"))
    upload, finished, abandoned = await _seed_objects(api)
    link = (await _ok(api.superadmin, "GET", f"{W}/object_links/list")).json()[0]["id"]
    tokens = (await _ok(api.superadmin, "POST", "/api/users/tokens/create", {"label": "short"})).text
    access_key = await _ok(api.developer, "POST", f"{W}/access_keys/create", {"label": "short"})
    asking, stopped = await suspended(api, api.developer), await suspended(api, api.developer)
    await _ok(api.developer, "POST", f"{W}/jobs_u/queue/cancel/{stopped.flow}", {})
    signatures = [
        (await _ok(api.developer, "GET", f"{W}/jobs/job_signature/{asking.step}/{number}")).text for number in range(4)
    ]
    return Seeded(
        flow_version=flow_version,
        script_hash=script_hash, spare_hash=spare_hash, doomed_hash=doomed_hash, waiting=waiting, running=str(running),
        ended=str(ended), erased=str(erased), flow=str(flow), fence=fence, versions=versions, audit_id=audit[0]["id"],
        token_prefix=tokens[:10], leaver=leaver, left=left, access_key=access_key.json()["access_key"],
        upload=upload, finished=finished, abandoned=abandoned, link=link,
        signed_in=await api.client(await api.token("pass@x.org")),
        itself=await api.client(job_token.issue(JOB_SECRET, running, 1)),
        asking=asking, stopped=stopped, signatures=signatures,
    )  # fmt: skip


async def _seed_people(api: Api) -> None:
    for username in ("gone", "added"):
        await api.person(username, None)
    await api.person("former")
    await _ok(api.superadmin, "POST", "/api/users/create", {"email": "pass@x.org", "password": PASSWORD})
    for workspace in ("doomed", "stored"):
        await _ok(
            api.superadmin, "POST", "/api/workspaces/create", {"id": workspace, "name": workspace, "username": "root"}
        )
    await _ok(api.superadmin, "POST", "/api/w/stored/workspaces/archive")
    await _ok(api.admin, "POST", f"{W}/storages/create", {"name": "doomed"})
    for name in ("crew", "doomed"):
        await _ok(api.admin, "POST", f"{W}/groups/create", {"name": name})
    await _ok(api.admin, "POST", f"{W}/groups/adduser/crew", {"username": "dev"})
    for name in ("shared", "doomed"):
        await _ok(api.admin, "POST", f"{W}/folders/create", {"name": name})
    await _ok(api.admin, "POST", f"{W}/folders/addowner/shared", {"owner": "u/dev"})


async def _seed_items(api: Api) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Fences of leases by path, and two versions of an item by noun."""
    for name in ("shelf", "doomed"):
        await _ok(api.admin, "POST", f"{W}/resources/type/create", {"name": name, "schema": {"type": "object"}})
    for path in ("v", "doomed", "bulk", "old", "forget"):
        body = {"path": f"u/dev/{path}", "value": "one", "is_secret": False, "description": ""}
        await _ok(api.developer, "POST", f"{W}/variables/create", body)
        await _ok(api.developer, "POST", f"{W}/variables/update/u/dev/{path}", {"value": "two"})
    for path in ("r", "doomed", "bulk", "old", "forget"):
        made = {"path": f"u/dev/{path}", "value": {"n": 1}, "resource_type": "any"}
        await _ok(api.developer, "POST", f"{W}/resources/create", made)
        await _ok(api.developer, "POST", f"{W}/resources/update_value/u/dev/{path}", {"value": {"n": 2}})
    fence = {}
    for path in ("u/dev/l2", "u/dev/l3"):
        lease = await _ok(api.superadmin, "POST", f"{W}/leases/acquire/{path}", {"holder": "me", "ttl_s": 60})
        fence[path] = lease.json()["fence"]
    versions = {}
    for noun in ("variables", "resources"):
        history = (await _ok(api.developer, "GET", f"{W}/{noun}/history/p/u/dev/old")).json()["versions"]
        versions[noun] = [history[1]["id"], history[0]["id"]]
    return fence, versions


async def _seed_objects(api: Api) -> list[str]:
    """Three uploads: one to fill, one that is full, one to give up; and a link."""
    for key in (OBJECT, f"{OBJECT}/doomed", f"{OBJECT}/moved"):
        await _ok(api.superadmin, "POST", f"{W}/job_helpers/upload_s3_file?file_key={key}", {"n": 1})
    await _ok(api.superadmin, "POST", f"{W}/apps/sign_s3_objects", {"s3_objects": [{"s3": OBJECT}]})
    uploads = []
    for _ in range(3):
        started = await _ok(api.superadmin, "POST", f"{W}/object_uploads/start?file_key={OBJECT}")
        uploads.append(started.json()["id"])
    await _ok(api.superadmin, "PUT", f"{W}/object_uploads/part/{uploads[1]}/1?file_key={OBJECT}", {"n": 1})
    return uploads


async def _ok(client: httpx.AsyncClient, method: str, url: str, body: object = None) -> httpx.Response:
    content = None if body is None else json.dumps(body)
    answer = await client.request(method, url, content=content, headers={"content-type": "application/json"})
    assert answer.is_success, (method, url, answer.text)
    return answer
