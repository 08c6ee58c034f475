"""The one table of who may call which route. The server refuses to start with a route that is not in it.

A policy is the outer gate: who must be calling at all, and with what kind of credential. What they may do with the
thing that the path names is decided by `engine/permit.py` inside of the handler.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Who(IntEnum):
    """The least that a caller must be. Higher ones hold the lower ones."""

    PUBLIC = 0
    ACCOUNT = 1
    MEMBER = 2
    DEVELOPER = 3
    ADMIN = 4
    SUPERADMIN = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """What a route asks of its caller.

    Attributes:
        who: the least that it must be, in the workspace of the URL or (below `/api/w/`) on instance level.
        scope: `domain:action` that a token with scopes must have for at least one path; "" where scopes do not matter.
        writes: whether it changes or runs something: closed to read-only tokens, and checked against forged requests.
        jobs: whether the token of a running job may call it.
        no_jobs: what a job is told where it may not; "" for the usual sentence.
        signed: the handler itself authenticates each request, by its signature, and then asks for what its operation
            needs: nobody is let in by the guard.
        opens: it opens a resource, most often the one that the same token opened last.
    """

    who: Who
    scope: str = ""
    writes: bool = False
    jobs: bool = True
    no_jobs: str = ""
    signed: bool = False
    opens: bool = False


def public() -> Policy:
    """Open to everybody, signed in or not."""
    return Policy(Who.PUBLIC)


def account(scope: str, *, writes: bool = False, jobs: bool = False, no_jobs: str = "") -> Policy:
    """Open to every account, on instance level."""
    return Policy(Who.ACCOUNT, scope, writes, jobs, no_jobs)


def superadmin(scope: str, *, writes: bool = False) -> Policy:
    """Open to superadmins, never to jobs."""
    return Policy(Who.SUPERADMIN, scope, writes, jobs=False)


def member(scope: str, *, writes: bool = False, jobs: bool = True, opens: bool = False) -> Policy:
    """Open to every member of the workspace, operators included."""
    return Policy(Who.MEMBER, scope, writes, jobs, opens=opens)


def developer(scope: str, *, writes: bool = True, jobs: bool = True, opens: bool = False) -> Policy:
    """Open to developers and admins of the workspace."""
    return Policy(Who.DEVELOPER, scope, writes, jobs, opens=opens)


def admin(scope: str, *, writes: bool = True, jobs: bool = False) -> Policy:
    """Open to admins of the workspace."""
    return Policy(Who.ADMIN, scope, writes, jobs)


def signed() -> Policy:
    """For S3 clients, which sign each request (`server/s3/gateway.py`)."""
    return Policy(Who.MEMBER, signed=True)


POLICIES: Final[dict[str, Policy]] = {
    # pages
    "GET /": public(),
    "GET /sign-in": public(),
    "GET /w/{page:path}": public(),
    "GET /run/{id}": public(),
    "GET /assets/{name}": public(),
    # probes
    "GET /api/version": public(),
    "GET /api/health/status": public(),
    "GET /health": public(),
    "GET /ready": public(),
    "GET /api/openapi.json": public(),
    "GET /api/uptodate": public(),
    # sessions
    "POST /api/auth/login": public(),
    "POST /api/auth/logout": account("", writes=True),
    # accounts
    "GET /api/users/whoami": account("", jobs=True),
    "GET /api/users/email": account("", jobs=True),
    "GET /api/users/exists/{email}": account("users:read"),
    "GET /api/users/list_as_super_admin": superadmin("users:read"),
    "POST /api/users/create": superadmin("users:write", writes=True),
    "POST /api/users/update/{email}": superadmin("users:write", writes=True),
    "DELETE /api/users/delete/{email}": superadmin("users:write", writes=True),
    "POST /api/users/setpassword": account("users:write", writes=True),
    "POST /api/users/set_password_of/{user}": superadmin("users:write", writes=True),
    # tokens
    "POST /api/users/tokens/create": account(
        "users:write",
        writes=True,
        no_jobs="A job may not make tokens, which would outlive it: make one as a person and keep it in a secret.",
    ),
    "GET /api/users/tokens/list": account("users:read"),
    "DELETE /api/users/tokens/delete/{token_prefix}": account("users:write", writes=True),
    "POST /api/users/tokens/impersonate": superadmin("users:write", writes=True),
    # workspaces
    "POST /api/workspaces/create": superadmin("workspaces:write", writes=True),
    "POST /api/workspaces/exists": account("workspaces:read"),
    "POST /api/workspaces/exists_username": account("workspaces:read"),
    "GET /api/workspaces/list": account("workspaces:read"),
    "GET /api/workspaces/list_as_superadmin": superadmin("workspaces:read"),
    "GET /api/workspaces/users": account("workspaces:read"),
    "DELETE /api/workspaces/delete/{workspace_id}": superadmin("workspaces:write", writes=True),
    "POST /api/workspaces/unarchive/{workspace_id}": superadmin("workspaces:write", writes=True),
    "POST /api/w/{workspace}/workspaces/archive": admin("workspaces:write"),
    "GET /api/w/{workspace}/workspaces/get_workspace_name": member("workspaces:read"),
    "GET /api/w/{workspace}/workspaces/get_settings": member("workspaces:read"),
    "GET /api/w/{workspace}/workspaces/tarball": member("workspaces:read"),
    "GET /api/w/{workspace}/workspaces/list_ws_specific": member("workspaces:read"),
    "GET /api/w/{workspace}/workspaces/encryption_key": admin("workspaces:read", writes=False),
    "POST /api/w/{workspace}/workspaces/encryption_key": admin("workspaces:write"),
    "POST /api/w/{workspace}/workspaces/change_workspace_name": admin("workspaces:write"),
    "POST /api/w/{workspace}/workspaces/change_workspace_color": admin("workspaces:write"),
    "POST /api/w/{workspace}/imports/windmill": admin("workspaces:write"),
    # members
    "GET /api/w/{workspace}/users/whoami": member(""),
    "GET /api/w/{workspace}/users/list": member("users:read"),
    "GET /api/w/{workspace}/users/list_usernames": member("users:read"),
    "GET /api/w/{workspace}/users/get/{username}": member("users:read"),
    "GET /api/w/{workspace}/users/whois/{username}": member("users:read"),
    "GET /api/w/{workspace}/users/exists/{username}": member("users:read"),
    "GET /api/w/{workspace}/users/username_to_email/{username}": member("users:read"),
    "GET /api/w/{workspace}/users/is_owner/{path:path}": member(""),
    "POST /api/w/{workspace}/workspaces/add_user": admin("users:write"),
    "POST /api/w/{workspace}/users/update/{username}": admin("users:write"),
    "DELETE /api/w/{workspace}/users/delete/{username}": admin("users:write"),
    "POST /api/w/{workspace}/workspaces/leave": member("users:write", writes=True, jobs=False),
    # groups
    "GET /api/w/{workspace}/groups/list": member("groups:read"),
    "GET /api/w/{workspace}/groups/listnames": member("groups:read"),
    "GET /api/w/{workspace}/groups/get/{name}": member("groups:read"),
    "POST /api/w/{workspace}/groups/create": developer("groups:write", jobs=False),
    "POST /api/w/{workspace}/groups/update/{name}": developer("groups:write", jobs=False),
    "DELETE /api/w/{workspace}/groups/delete/{name}": developer("groups:write", jobs=False),
    "POST /api/w/{workspace}/groups/adduser/{name}": developer("groups:write", jobs=False),
    "POST /api/w/{workspace}/groups/removeuser/{name}": developer("groups:write", jobs=False),
    # folders
    "GET /api/w/{workspace}/folders/list": member("folders:read"),
    "GET /api/w/{workspace}/folders/listnames": member("folders:read"),
    "GET /api/w/{workspace}/folders/get/{name}": member("folders:read"),
    "GET /api/w/{workspace}/folders/exists/{name}": member("folders:read"),
    "GET /api/w/{workspace}/folders/getusage/{name}": member("folders:read"),
    "GET /api/w/{workspace}/folders/is_owner/{name}": member("folders:read"),
    "POST /api/w/{workspace}/folders/create": developer("folders:write"),
    "POST /api/w/{workspace}/folders/update/{name}": developer("folders:write"),
    "DELETE /api/w/{workspace}/folders/delete/{name}": developer("folders:write", jobs=False),
    "POST /api/w/{workspace}/folders/addowner/{name}": developer("acls:write", jobs=False),
    "POST /api/w/{workspace}/folders/removeowner/{name}": developer("acls:write", jobs=False),
    # shares
    "GET /api/w/{workspace}/acls/get/{kind}/{path:path}": member(""),
    "POST /api/w/{workspace}/acls/add/{kind}/{path:path}": developer("", jobs=False),
    "POST /api/w/{workspace}/acls/remove/{kind}/{path:path}": developer("", jobs=False),
    # audit
    "GET /api/w/{workspace}/audit/list": member("audit:read", jobs=False),
    "GET /api/w/{workspace}/audit/export": member("audit:read", jobs=False),
    "GET /api/w/{workspace}/audit/get/{id}": member("audit:read", jobs=False),
    # the S3 endpoint and what signs its requests
    **{
        f"{method} /api/w/{{workspace}}/s3_proxy{rest}": signed()
        for method in ("GET", "PUT", "POST", "DELETE")
        for rest in ("", "/{key:path}")
    },
    "POST /api/w/{workspace}/s3_credentials": member("job_helpers:read"),
    "POST /api/w/{workspace}/access_keys/create": member("job_helpers:write", writes=True, jobs=False),
    "GET /api/w/{workspace}/access_keys/list": member("job_helpers:read", jobs=False),
    "DELETE /api/w/{workspace}/access_keys/delete/{access_key}": member("job_helpers:write", writes=True, jobs=False),
    # settings of the instance, workers
    "GET /api/settings/global/{key}": account("settings:read"),
    "POST /api/settings/global/{key}": superadmin("settings:write", writes=True),
    "GET /api/settings/list_global": superadmin("settings:read"),
    "GET /api/settings/keys": superadmin("settings:read"),
    "GET /api/configs/list_worker_groups": account("workers:read"),
    "GET /api/workers/list": account("workers:read"),
    "GET /api/workers/exists_workers_with_tags": account("workers:read"),
    "GET /api/workers/queue_counts": superadmin("workers:read"),
    "GET /api/workers/get_default_tags": account("workers:read"),
    "GET /api/workers/custom_tags": account("workers:read"),
    "GET /api/w/{workspace}/workers/custom_tags": member("workers:read"),
    # variables
    "POST /api/w/{workspace}/variables/create": member("variables:write", writes=True),
    "POST /api/w/{workspace}/variables/update/{path:path}": member("variables:write", writes=True),
    "DELETE /api/w/{workspace}/variables/delete/{path:path}": member("variables:write", writes=True),
    "DELETE /api/w/{workspace}/variables/delete_bulk": member("variables:write", writes=True),
    "POST /api/w/{workspace}/variables/history/restore/v/{id}": member("variables:write", writes=True),
    "DELETE /api/w/{workspace}/variables/history/p/{path:path}": member("variables:write", writes=True),
    "POST /api/w/{workspace}/variables/encrypt": developer("variables:write"),
    "GET /api/w/{workspace}/variables/get/{path:path}": member("variables:read"),
    "GET /api/w/{workspace}/variables/get_value/{path:path}": member("variables:read"),
    "GET /api/w/{workspace}/variables/exists/{path:path}": member("variables:read"),
    "GET /api/w/{workspace}/variables/list": member("variables:read"),
    "GET /api/w/{workspace}/variables/list_contextual": member("variables:read"),
    "GET /api/w/{workspace}/variables/history/p/{path:path}": member("variables:read"),
    "GET /api/w/{workspace}/variables/history/v/{id}": member("variables:read"),
    "GET /api/w/{workspace}/variables/history/diff": member("variables:read"),
    # favourites
    "POST /api/w/{workspace}/favorites/star": member("favorites:write", writes=True, jobs=False),
    "POST /api/w/{workspace}/favorites/unstar": member("favorites:write", writes=True, jobs=False),
    "GET /api/w/{workspace}/favorites/list": member("favorites:read", jobs=False),
    # schedules
    "POST /api/schedules/preview": account("schedules:read"),
    "POST /api/w/{workspace}/schedules/create": developer("schedules:write"),
    "POST /api/w/{workspace}/schedules/update/{path:path}": developer("schedules:write"),
    "POST /api/w/{workspace}/schedules/setenabled/{path:path}": developer("schedules:write"),
    "DELETE /api/w/{workspace}/schedules/delete/{path:path}": developer("schedules:write"),
    "POST /api/w/{workspace}/schedules/setdefaulthandler": admin("schedules:write"),
    "GET /api/w/{workspace}/schedules/get/{path:path}": member("schedules:read"),
    "GET /api/w/{workspace}/schedules/exists/{path:path}": member("schedules:read"),
    "GET /api/w/{workspace}/schedules/list": member("schedules:read"),
    "GET /api/w/{workspace}/schedules/list_with_jobs": member("schedules:read"),
    "GET /api/w/{workspace}/schedules/next/{path:path}": member("schedules:read"),
    "GET /api/w/{workspace}/schedules/occurrences/{path:path}": member("schedules:read"),
    "GET /api/w/{workspace}/triggers_history/list": member("schedules:read"),
    # resources, states and resource types
    "POST /api/w/{workspace}/resources/create": member("resources:write", writes=True),
    "POST /api/w/{workspace}/resources/update/{path:path}": member("resources:write", writes=True),
    "POST /api/w/{workspace}/resources/update_value/{path:path}": member("resources:write", writes=True),
    "DELETE /api/w/{workspace}/resources/delete/{path:path}": member("resources:write", writes=True),
    "DELETE /api/w/{workspace}/resources/delete_bulk": member("resources:write", writes=True),
    "POST /api/w/{workspace}/resources/history/restore/v/{id}": member("resources:write", writes=True),
    "DELETE /api/w/{workspace}/resources/history/p/{path:path}": member("resources:write", writes=True),
    "GET /api/w/{workspace}/resources/get/{path:path}": member("resources:read"),
    "GET /api/w/{workspace}/resources/get_value/{path:path}": member("resources:read"),
    "GET /api/w/{workspace}/resources/get_value_interpolated/{path:path}": member("resources:read"),
    "GET /api/w/{workspace}/resources/exists/{path:path}": member("resources:read"),
    "GET /api/w/{workspace}/resources/list": member("resources:read"),
    "GET /api/w/{workspace}/resources/list_names/{name}": member("resources:read"),
    "GET /api/w/{workspace}/resources/list_search": member("resources:read"),
    "GET /api/w/{workspace}/resources/file_resource_type_to_file_ext_map": member("resources:read"),
    "GET /api/w/{workspace}/resources/history/p/{path:path}": member("resources:read"),
    "GET /api/w/{workspace}/resources/history/v/{id}": member("resources:read"),
    "GET /api/w/{workspace}/resources/history/diff": member("resources:read"),
    "POST /api/w/{workspace}/resources/from_url": member("resources:read"),
    "GET /api/w/{workspace}/resources/type/get/{name}": member("resources:read"),
    "GET /api/w/{workspace}/resources/type/exists/{name}": member("resources:read"),
    "GET /api/w/{workspace}/resources/type/list": member("resources:read"),
    "GET /api/w/{workspace}/resources/type/listnames": member("resources:read"),
    "GET /api/w/{workspace}/resources/type/resource_counts": member("resources:read"),
    "POST /api/w/{workspace}/resources/type/create": developer("resources:write"),
    "POST /api/w/{workspace}/resources/type/update/{name}": developer("resources:write"),
    "DELETE /api/w/{workspace}/resources/type/delete/{name}": developer("resources:write"),
    "POST /api/w/{workspace}/resources/test/{path:path}": developer("resources:write"),
    "POST /api/w/{workspace}/databases/tables": developer("resources:read", writes=False),
    "POST /api/w/{workspace}/databases/table": developer("resources:read", writes=False),
    "POST /api/w/{workspace}/databases/rows": developer("resources:read", writes=False),
    "POST /api/w/{workspace}/databases/change": developer("resources:read"),
    "POST /api/w/{workspace}/databases/explain": developer("resources:read"),
    "POST /api/w/{workspace}/databases/define": developer("resources:read"),
    "POST /api/w/{workspace}/databases/export": developer("resources:read"),
    "POST /api/w/{workspace}/databases/import": developer("resources:read"),
    "POST /api/w/{workspace}/databases/import_file": developer("resources:read"),
    "POST /api/w/{workspace}/databases/run": developer("jobs:run"),
    "GET /api/w/{workspace}/databases/history": developer("resources:read", writes=False),
    "DELETE /api/w/{workspace}/databases/history": developer("resources:write"),
    "DELETE /api/w/{workspace}/databases/history/{id}": developer("resources:write"),
    "POST /api/w/{workspace}/resources/test_value": developer("resources:write"),
    # storages
    "POST /api/w/{workspace}/workspaces/edit_large_file_storage_config": admin("workspaces:write"),
    "GET /api/w/{workspace}/workspaces/get_secondary_storage_names": member("workspaces:read"),
    "GET /api/w/{workspace}/storages/list": member("workspaces:read"),
    "POST /api/w/{workspace}/storages/create": admin("workspaces:write"),
    "DELETE /api/w/{workspace}/storages/delete/{name}": admin("workspaces:write"),
    "POST /api/w/{workspace}/storages/examine/{name}": admin("workspaces:write"),
    "POST /api/w/{workspace}/storages/explain": member("job_helpers:read"),
    "GET /api/w/{workspace}/storages/usage": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/storage_usage": member("job_helpers:read"),
    "GET /api/w/{workspace}/storage_access/list": member("job_helpers:read"),
    # previews of objects
    "GET /api/w/{workspace}/job_helpers/load_file_preview": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/describe_object": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/load_parquet_preview/{path:path}": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/load_csv_preview/{path:path}": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/preview_table/{path:path}": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/load_table_count/{path:path}": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/download_s3_parquet_file_as_csv": member("job_helpers:read"),
    # objects
    "POST /api/w/{workspace}/job_helpers/upload_s3_file": member("job_helpers:write", writes=True),
    "GET /api/w/{workspace}/job_helpers/download_s3_file": member("job_helpers:read"),
    "DELETE /api/w/{workspace}/job_helpers/delete_s3_file": member("job_helpers:write", writes=True),
    "POST /api/w/{workspace}/job_helpers/delete_s3_files": member("job_helpers:write", writes=True),
    "GET /api/w/{workspace}/job_helpers/move_s3_file": member("job_helpers:write", writes=True),
    "POST /api/w/{workspace}/job_helpers/copy_s3_file": member("job_helpers:write", writes=True),
    "GET /api/w/{workspace}/job_helpers/load_file_metadata": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/test_connection": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/list_stored_files": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/list_stored_files_paged": member("job_helpers:read"),
    "GET /api/w/{workspace}/job_helpers/check_s3_folder_exists": member("job_helpers:read"),
    **{
        f"POST /api/w/{{workspace}}/job_helpers/{name}": member("job_helpers:read")
        for name in (
            "v2/s3_resource_info",
            "v2/duckdb_connection_settings",
            "v2/polars_connection_settings",
            "duckdb_connection_settings",
            "polars_connection_settings",
        )
    },
    "GET /api/w/{workspace}/job_helpers/v2/s3_proxy_bucket": member("job_helpers:read"),
    "POST /api/w/{workspace}/object_uploads/start": member("job_helpers:write", writes=True),
    "PUT /api/w/{workspace}/object_uploads/part/{id}/{number}": member("job_helpers:write", writes=True),
    "GET /api/w/{workspace}/object_uploads/parts/{id}": member("job_helpers:read"),
    "POST /api/w/{workspace}/object_uploads/complete/{id}": member("job_helpers:write", writes=True),
    "DELETE /api/w/{workspace}/object_uploads/abort/{id}": member("job_helpers:write", writes=True),
    "POST /api/w/{workspace}/object_uploads/settle/{id}": member("job_helpers:write", writes=True),
    "GET /api/w/{workspace}/object_uploads/list": member("job_helpers:read"),
    "POST /api/w/{workspace}/apps/sign_s3_objects": member("job_helpers:read", writes=True),
    "GET /api/w/{workspace}/object_links/list": member("job_helpers:read"),
    "DELETE /api/w/{workspace}/object_links/revoke/{id}": member("job_helpers:write", writes=True),
    "POST /api/w/{workspace}/object_links/revoke_all": member("job_helpers:write", writes=True),
    # identity tokens
    "GET /api/oidc/.well-known/openid-configuration": public(),
    "GET /api/oidc/jwks": public(),
    "POST /api/w/{workspace}/oidc/token/{audience:path}": member("oidc:write", writes=True),
    # leases
    "POST /api/w/{workspace}/leases/acquire/{path:path}": member("resources:write", writes=True),
    "POST /api/w/{workspace}/leases/renew/{path:path}": member("resources:write", writes=True),
    "POST /api/w/{workspace}/leases/release/{path:path}": member("resources:write", writes=True),
    "GET /api/w/{workspace}/leases/get/{path:path}": member("resources:read"),
    # scripts
    "POST /api/w/{workspace}/scripts/create": developer("scripts:write"),
    "POST /api/w/{workspace}/scripts/raw_temp/diff": developer("scripts:read", writes=False),
    "POST /api/w/{workspace}/scripts/raw_temp/store": developer("scripts:write"),
    "POST /api/w/{workspace}/scripts/update/{path:path}": developer("scripts:write"),
    "POST /api/w/{workspace}/scripts/archive/p/{path:path}": developer("scripts:write"),
    "POST /api/w/{workspace}/scripts/archive/h/{hash}": developer("scripts:write"),
    "POST /api/w/{workspace}/scripts/delete/h/{hash}": admin("scripts:write"),
    "POST /api/w/{workspace}/scripts/delete/p/{path:path}": admin("scripts:write"),
    "GET /api/w/{workspace}/scripts/history/p/{path:path}": member("scripts:read"),
    "POST /api/w/{workspace}/scripts/history_update/h/{hash}/p/{path:path}": developer("scripts:write"),
    "GET /api/w/{workspace}/scripts/get_latest_version/{path:path}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/deployment_status/h/{hash}": member("scripts:read"),
    "POST /api/w/{workspace}/scripts/toggle_workspace_error_handler/p/{path:path}": developer("scripts:write"),
    "GET /api/w/{workspace}/scripts/get/p/{path:path}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/get/h/{hash}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/exists/p/{path:path}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/raw/p/{path:path}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/raw/h/{path}": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/list": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/list_paths": member("scripts:read"),
    "GET /api/w/{workspace}/scripts/list_search": member("scripts:read"),
    "POST /api/w/{workspace}/scripts/infer_schema": member("scripts:read"),
    # flows
    "POST /api/w/{workspace}/flows/create": developer("flows:write"),
    "POST /api/w/{workspace}/flows/check": developer("flows:read"),
    "POST /api/w/{workspace}/flows/update/{path:path}": developer("flows:write"),
    "POST /api/w/{workspace}/flows/archive/{path:path}": developer("flows:write"),
    "DELETE /api/w/{workspace}/flows/delete/{path:path}": developer("flows:write"),
    "GET /api/w/{workspace}/flows/get/v/{version}": member("flows:read"),
    "GET /api/w/{workspace}/flows/get/{path:path}": member("flows:read"),
    "GET /api/w/{workspace}/flows/get_latest_version/{path:path}": member("flows:read"),
    "GET /api/w/{workspace}/flows/exists/{path:path}": member("flows:read"),
    "GET /api/w/{workspace}/flows/deployment_status/p/{path:path}": member("flows:read"),
    "GET /api/w/{workspace}/flows/history/p/{path:path}": member("flows:read"),
    "POST /api/w/{workspace}/flows/history_update/v/{version}": developer("flows:write"),
    "GET /api/w/{workspace}/flows/list": member("flows:read"),
    "GET /api/w/{workspace}/flows/list_paths": member("flows:read"),
    "GET /api/w/{workspace}/flows/last_runs": member("jobs:read"),
    "GET /api/w/{workspace}/flows/list_search": member("flows:read"),
    "POST /api/w/{workspace}/jobs/run/f/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run/fv/{version}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run/preview_flow": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run_wait_result/preview_flow": developer("jobs:run"),
    "GET /api/w/{workspace}/jobs/run_wait_result/f/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_wait_result/f/{path:path}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_wait_result/fv/{version}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_wait_result/fv/{version}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_and_stream/f/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_and_stream/f/{path:path}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_and_stream/fv/{version}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_and_stream/fv/{version}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/restart/f/{id}": member("jobs:run", writes=True),
    # starting jobs
    "POST /api/w/{workspace}/jobs/run/p/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run/h/{hash}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run/preview": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run_wait_result/preview": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run_inline/preview": developer("jobs:run", opens=True),
    "POST /api/w/{workspace}/jobs/run_inline/p/{path:path}": member("jobs:run", writes=True, opens=True),
    "POST /api/w/{workspace}/jobs/run_inline/h/{hash}": member("jobs:run", writes=True, opens=True),
    "POST /api/w/{workspace}/jobs/run/dependencies_async": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run/dependencies": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run/flow_dependencies_async": developer("jobs:run"),
    "POST /api/w/{workspace}/jobs/run/batch_rerun_jobs": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_wait_result/p/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_wait_result/p/{path:path}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_wait_result/h/{hash}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_wait_result/h/{hash}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_and_stream/p/{path:path}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_and_stream/p/{path:path}": member("jobs:run", writes=True),
    "GET /api/w/{workspace}/jobs/run_and_stream/h/{hash}": member("jobs:run", writes=True),
    "POST /api/w/{workspace}/jobs/run_and_stream/h/{hash}": member("jobs:run", writes=True),
    # jobs
    "GET /api/w/{workspace}/jobs_u/get/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/completed/get/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/completed/get_result/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/completed/get_result_maybe/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/completed/get_timing/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_root_job_id/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_args/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/result_by_id/{flow_job_id}/{node_id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_flow_all_logs/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_flow_all_logs_structured/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_flow_all_results/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_logs/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/get_completed_logs_tail/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/getupdate/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/getupdate_sse/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs_u/flow_changes_sse/{id}": member("jobs:read"),
    "POST /api/w/{workspace}/jobs_u/queue/cancel/{id}": member("jobs:write", writes=True),
    "POST /api/w/{workspace}/jobs_u/queue/force_cancel/{id}": member("jobs:write", writes=True),
    "POST /api/w/{workspace}/jobs/queue/cancel_selection": member("jobs:write", writes=True),
    "POST /api/w/{workspace}/jobs/completed/delete/{id}": admin("jobs:write"),
    "POST /api/w/{workspace}/jobs/delete": admin("jobs:write"),
    "GET /api/w/{workspace}/jobs/list": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/queue/list": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/completed/list": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/list_filtered_uuids": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/queue/list_filtered_uuids": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/queue/count": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/completed/count": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/completed/count_jobs": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/queue/position/{scheduled_for}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/attempts/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/queue/scheduled_for/{id}": member("jobs:read"),
    "POST /api/w/{workspace}/jobs/queue/run_now/{id}": member("jobs:write", writes=True),
    "GET /api/w/{workspace}/jobs/worker_is_draining/{id}": member("jobs:read"),
    "POST /api/w/{workspace}/job_metrics/set_progress/{id}": member("jobs:write", writes=True),
    "GET /api/w/{workspace}/job_metrics/get_progress/{id}": member("jobs:read"),
    "POST /api/w/{workspace}/job_metrics/get/{id}": member("jobs:read"),
    "GET /api/w/{workspace}/jobs/flow/user_states/{id}/{key:path}": member("jobs:read"),
    "POST /api/w/{workspace}/jobs/flow/user_states/{id}/{key:path}": member("jobs:write", writes=True),
    "GET /api/jobs/db_clock": account("", jobs=True),
    # approvals: whoever has a link is let in by its signature, which the handler checks first
    "GET /api/w/{workspace}/jobs/job_signature/{id}/{resume_id}": member("jobs:write", writes=True),
    "GET /api/w/{workspace}/jobs/resume_urls/{id}/{resume_id}": member("jobs:write", writes=True),
    "GET /api/w/{workspace}/jobs_u/resume/{id}/{resume_id}/{signature}": public(),
    "POST /api/w/{workspace}/jobs_u/resume/{id}/{resume_id}/{signature}": public(),
    "GET /api/w/{workspace}/jobs_u/cancel/{id}/{resume_id}/{signature}": public(),
    "POST /api/w/{workspace}/jobs_u/cancel/{id}/{resume_id}/{signature}": public(),
    "GET /api/w/{workspace}/jobs_u/get_flow/{id}/{resume_id}/{signature}": public(),
    "GET /api/w/{workspace}/jobs_u/flow/approval_info/{job_id}": public(),
    "POST /api/w/{workspace}/jobs_u/flow/resume_suspended/{job_id}": public(),
    "POST /api/w/{workspace}/jobs/flow/resume/{id}": member("jobs:write", writes=True, jobs=False),
    # workflows in code: the handler lets in nobody but the job itself, where its own code is concerned
    "POST /api/w/{workspace}/jobs/wac/inline_checkpoint/{job_id}": member("jobs:write", writes=True),
    "GET /api/w/{workspace}/jobs/wac_approval_urls/{id}/{step_key}": member("jobs:write", writes=True),
    "POST /api/w/{workspace}/jobs/run/workflow_as_code/{job_id}/{function}": member("jobs:write", writes=True),
    "POST /api/w/{workspace}/jobs/workflow_as_code/{job_id}/{function}": member("jobs:write", writes=True),
    # concurrency limits
    "GET /api/concurrency_groups/list": superadmin("concurrency_groups:read"),
    "GET /api/concurrency_groups/{id}/key": account("concurrency_groups:read", jobs=True),
    "GET /api/w/{workspace}/concurrency_groups/list_jobs": member("jobs:read"),
}
"""`METHOD /path/{template}` -> its policy."""
