"""Who may do what: the decision function on every kind of target."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine import scopes
from tidemill.engine.permit import (
    AccountTarget,
    Action,
    Folder,
    Group,
    InstanceTarget,
    Item,
    ItemKind,
    JobTarget,
    Listing,
    Need,
    Target,
    WorkspaceTarget,
    decide,
    folder_rights,
    member_keys,
    not_found,
    readable_owners,
    require,
    require_scope,
)
from tidemill.model.errors import Denied, NotFound
from tidemill.model.identity import Credential, CredentialKind, FolderRight, Principal, Role
from tidemill.model.path import parse_path

OWN, OTHERS = UUID(int=1), UUID(int=2)
PERSONAL = Credential(kind=CredentialKind.PERSONAL)
JOB = Credential(kind=CredentialKind.JOB, job_id=OWN, workspace="main")
READS = {Action.LIST, Action.READ, Action.READ_VALUE}
READ, WRITE, OWNER = FolderRight.READ, FolderRight.WRITE, FolderRight.OWNER


def member(
    role: Role | None = Role.DEVELOPER, *, credential: Credential = PERSONAL, **folders: FolderRight
) -> Principal:
    return Principal(
        email="ann@x.org", username="ann", workspace="main", role=role, groups=frozenset({"ops"}), folders=folders,
        credential=credential,
    )  # fmt: skip


def item(kind: ItemKind, path: str, **shares: bool) -> Item:
    return Item(kind, parse_path(path), {key.replace("_", "/", 1): may for key, may in shares.items()})


def allowed(principal: Principal, target: Target) -> set[Action]:
    return {action for action in Action if decide(principal, action, target).allowed}


SCRIPT_READ = {Action.LIST, Action.READ, Action.READ_VALUE, Action.RUN}
SCRIPT_WRITE = SCRIPT_READ | {Action.WRITE, Action.DELETE, Action.CREATE}
SCRIPT_OWN = SCRIPT_WRITE | {Action.MOVE, Action.SHARE}


@pytest.mark.parametrize(
    ("principal", "target", "may"),
    [
        (member(), item(ItemKind.SCRIPT, "u/ann/s"), SCRIPT_OWN),
        (member(), item(ItemKind.SCRIPT, "u/bob/s"), set()),
        (member(), item(ItemKind.SCRIPT, "u/an/s"), set()),
        (member(), item(ItemKind.SCRIPT, "f/a/s"), set()),
        (member(a=READ), item(ItemKind.SCRIPT, "f/a/s"), SCRIPT_READ),
        (member(a=WRITE), item(ItemKind.SCRIPT, "f/a/s"), SCRIPT_WRITE),
        (member(a=OWNER), item(ItemKind.SCRIPT, "f/a/s"), SCRIPT_OWN),
        (member(a=OWNER), item(ItemKind.SCRIPT, "f/a2/s"), set()),
        (member(), item(ItemKind.SCRIPT, "u/bob/s", u_ann=False), SCRIPT_READ),
        (member(), item(ItemKind.SCRIPT, "u/bob/s", g_ops=True), SCRIPT_WRITE - {Action.CREATE}),
        (member(), item(ItemKind.SCRIPT, "u/bob/s", g_all=False), SCRIPT_READ),
        (member(), item(ItemKind.SCRIPT, "u/bob/s", g_other=True, u_bob=True), set()),
        (member(a=READ), item(ItemKind.SCRIPT, "f/a/s", u_ann=True), SCRIPT_WRITE - {Action.CREATE}),
        (member(a=WRITE), item(ItemKind.SCRIPT, "f/a/s", u_ann=False), SCRIPT_WRITE),
        (member(Role.ADMIN), item(ItemKind.SCRIPT, "u/bob/s"), SCRIPT_OWN),
        (member(Role.ADMIN), item(ItemKind.VARIABLE, "u/bob/s"), SCRIPT_OWN - {Action.RUN}),
        (member(Role.OPERATOR, a=OWNER), item(ItemKind.SCRIPT, "f/a/s"), {Action.LIST, Action.READ, Action.RUN}),
        (member(Role.OPERATOR, a=OWNER), item(ItemKind.SCHEDULE, "f/a/s"), {Action.LIST, Action.READ}),
        (member(Role.OPERATOR, a=OWNER), item(ItemKind.RESOURCE, "f/a/s"), {Action.LIST, Action.READ}),
        (
            member(Role.OPERATOR, credential=JOB, a=OWNER),
            item(ItemKind.RESOURCE, "f/a/s"),
            SCRIPT_OWN - {Action.RUN, Action.SHARE},
        ),
        (
            member(Role.OPERATOR, credential=JOB, a=OWNER),
            item(ItemKind.FLOW, "f/a/s"),
            SCRIPT_READ - {Action.READ_VALUE},
        ),
        (member(credential=JOB, a=OWNER), item(ItemKind.FLOW, "f/a/s"), SCRIPT_OWN - {Action.SHARE}),
        (member(None, a=OWNER), item(ItemKind.SCRIPT, "f/a/s", u_ann=True, g_all=True), set()),
        (member(None), item(ItemKind.SCRIPT, "u/ann/s"), set()),
    ],
)
def test_items_are_open_by_owner_folder_share_and_role(principal: Principal, target: Item, may: set[Action]) -> None:
    assert allowed(principal, target) == may


def test_what_cannot_be_read_looks_like_what_is_not_there() -> None:
    target = item(ItemKind.VARIABLE, "u/bob/secret")
    for action in Action:
        if action is not Action.CREATE:
            with pytest.raises(NotFound) as caught:
                require(member(), action, target)
            assert str(caught.value) == str(not_found(target))


def test_a_refused_create_says_the_same_for_folders_there_and_not_there() -> None:
    refusals = [decide(member(), Action.CREATE, item(ItemKind.VARIABLE, f"f/{name}/x")).reason for name in ("a", "b")]
    assert refusals[0].replace("f/a", "f/b") == refusals[1]
    with pytest.raises(Denied, match="ask an owner of f/a"):
        require(member(), Action.CREATE, item(ItemKind.VARIABLE, "f/a/x"))


def test_a_reader_is_told_that_writing_is_denied() -> None:
    with pytest.raises(Denied, match="may not change a variable at 'f/a/x'"):
        require(member(a=READ), Action.WRITE, item(ItemKind.VARIABLE, "f/a/x"))


def test_group_all_is_for_members_only_whatever_the_tables_say() -> None:
    stranger = Principal(email="x@x.org", username="x", workspace="main", role=None, groups=frozenset({"all", "ops"}))
    assert stranger.keys == frozenset()
    assert stranger.groups == frozenset()
    assert member().keys == {"u/ann", "g/ops", "g/all"}
    assert Principal(email="x@x.org", role=Role.ADMIN, groups=frozenset({"all"})).keys == frozenset()


def test_a_superadmin_is_admin_everywhere_but_has_no_name_there() -> None:
    principal = Principal(email="root@x.org", workspace="main", superadmin=True, credential=PERSONAL)
    assert principal.keys == frozenset()
    assert allowed(principal, item(ItemKind.SCRIPT, "u/bob/s")) == SCRIPT_OWN
    assert decide(principal, Action.MANAGE, InstanceTarget("settings")).allowed


JOB_READ = READS
EVERY_RIGHT = READS | {Action.CANCEL, Action.DELETE, Action.WRITE, Action.MANAGE}


@pytest.mark.parametrize(
    ("principal", "job", "may"),
    [
        (member(), JobTarget(OTHERS, "bob", "u/bob"), set()),
        (member(), JobTarget(OTHERS, "ann", "u/bob"), JOB_READ | {Action.CANCEL}),
        (member(), JobTarget(OTHERS, "bob", "u/ann"), JOB_READ | {Action.CANCEL}),
        (member(), JobTarget(OTHERS, "bob", "g/ops"), JOB_READ | {Action.CANCEL}),
        (member(), JobTarget(OTHERS, "ann@x.org", "u/bob"), set()),
        (member(a=READ), JobTarget(OTHERS, "bob", "u/bob", parse_path("f/a/s")), JOB_READ),
        (member(a=WRITE), JobTarget(OTHERS, "bob", "u/bob", parse_path("f/a/s")), JOB_READ | {Action.CANCEL}),
        (member(a=OWNER), JobTarget(OTHERS, "bob", "u/bob", parse_path("f/a/s"), visible_to_owner=False), set()),
        (member(Role.OPERATOR, a=WRITE), JobTarget(OTHERS, "bob", "u/bob", parse_path("f/a/s")), JOB_READ),
        (member(Role.OPERATOR), JobTarget(OTHERS, "ann", "u/ann"), JOB_READ | {Action.CANCEL}),
        (member(Role.ADMIN), JobTarget(OTHERS, "bob", "u/bob"), EVERY_RIGHT),
        (member(None), JobTarget(OTHERS, "ann", "u/ann"), set()),
        (member(credential=JOB), JobTarget(OWN, "bob", "u/bob"), JOB_READ | {Action.CANCEL}),
        (
            member(credential=JOB),
            JobTarget(OTHERS, "bob", "u/bob", lineage=frozenset({OWN})),
            JOB_READ | {Action.CANCEL},
        ),
        (member(), JobTarget(OWN, "bob", "u/bob"), set()),
    ],
)
def test_jobs_are_open_to_who_started_them_and_to_readers_of_their_path(
    principal: Principal, job: JobTarget, may: set[Action]
) -> None:
    assert allowed(principal, job) == may


def test_a_nameless_job_creator_matches_nobody() -> None:
    nameless = Principal(email="", username="", workspace="main", role=Role.DEVELOPER)
    assert not decide(nameless, Action.READ, JobTarget(OTHERS, "", "u/bob")).visible


def test_folders_and_groups() -> None:
    assert allowed(member(), Folder("a")) == {Action.CREATE}
    assert allowed(member(a=READ), Folder("a")) == READS | {Action.CREATE}
    assert allowed(member(a=OWNER), Folder("a")) == READS | {Action.CREATE, Action.WRITE, Action.DELETE, Action.SHARE}
    assert allowed(member(Role.OPERATOR, a=OWNER), Folder("a")) == READS
    assert allowed(member(credential=JOB, a=OWNER), Folder("a")) == READS | {Action.CREATE, Action.WRITE, Action.DELETE}
    assert allowed(member(), Group("ops")) == READS | {Action.CREATE}
    assert allowed(member(), Group("ops", {"u/ann": True})) >= {Action.WRITE, Action.DELETE}
    assert allowed(member(), Group("ops", {"u/ann": False})) == READS | {Action.CREATE}
    assert allowed(member(Role.OPERATOR), Group("ops", {"u/ann": True})) == READS
    assert allowed(member(Role.ADMIN, credential=JOB), Group("ops")) == READS
    assert not decide(member(None), Action.READ, Group("all")).visible


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.ADMIN, set(Need)),
        (Role.DEVELOPER, {Need.MEMBER, Need.DEVELOPER}),
        (Role.OPERATOR, {Need.MEMBER}),
        (None, set()),
    ],
)
def test_workspace_targets_ask_for_a_role(role: Role | None, may: set[Need]) -> None:
    principal = member(role)
    assert {need for need in Need if decide(principal, Action.READ, WorkspaceTarget("audit", need)).allowed} == may


def test_operators_may_not_preview_however_the_route_was_declared() -> None:
    for need in Need:
        for credential in (PERSONAL, JOB):
            operator = member(Role.OPERATOR, credential=credential)
            assert not decide(operator, Action.PREVIEW, WorkspaceTarget("jobs", need)).allowed
    assert decide(member(), Action.PREVIEW, WorkspaceTarget("jobs", Need.MEMBER)).allowed


def test_a_workspace_without_membership_is_not_there() -> None:
    for target in (Listing("variables"), WorkspaceTarget("workspaces", Need.MEMBER)):
        with pytest.raises(NotFound, match="no workspace 'main'"):
            require(member(None), Action.READ, target)


ADMIN_JOB = Principal(
    email="root@x.org", username="root", workspace="main", role=Role.ADMIN, superadmin=True, credential=JOB
)


def test_a_job_token_reaches_the_instance_only_on_the_allow_list() -> None:
    assert allowed(ADMIN_JOB, InstanceTarget("settings")) == set()
    assert allowed(ADMIN_JOB, InstanceTarget("whoami", superadmin=False)) == READS
    assert allowed(ADMIN_JOB, AccountTarget("root@x.org")) == set()
    assert allowed(ADMIN_JOB, AccountTarget("ann@x.org")) == set()


@pytest.mark.parametrize("domain", ["users", "acls", "groups", "workspaces", "settings"])
def test_a_job_token_may_not_change_members_rights_or_settings(domain: str) -> None:
    assert allowed(ADMIN_JOB, WorkspaceTarget(domain, Need.ADMIN)) == READS
    assert not decide(ADMIN_JOB, Action.SHARE, item(ItemKind.SCRIPT, "u/root/s")).allowed


@pytest.mark.parametrize("workspace", ["other", None])
def test_a_job_token_is_good_for_its_workspace_only(workspace: str | None) -> None:
    principal = replace(ADMIN_JOB, credential=replace(JOB, workspace=workspace))
    for target in (item(ItemKind.VARIABLE, "u/root/v"), Folder("a"), JobTarget(OTHERS, "root", "u/root")):
        assert allowed(principal, target) == set()
        assert not decide(principal, Action.READ, target).visible


def test_a_token_of_another_workspace_sees_nothing_here() -> None:
    principal = member(Role.ADMIN, credential=replace(PERSONAL, workspace="other"))
    assert not decide(principal, Action.READ, item(ItemKind.VARIABLE, "u/ann/v")).visible
    assert not decide(principal, Action.MANAGE, WorkspaceTarget("settings", Need.ADMIN)).allowed


def test_a_read_only_token_neither_changes_nor_runs() -> None:
    principal = member(Role.ADMIN, credential=replace(PERSONAL, read_only=True))
    assert allowed(principal, item(ItemKind.SCRIPT, "u/ann/s")) == READS
    assert allowed(principal, WorkspaceTarget("jobs", Need.MEMBER)) == READS
    assert allowed(principal, AccountTarget("ann@x.org")) == READS


@pytest.mark.parametrize(
    "narrow",
    [
        replace(PERSONAL, scopes=scopes.parse_all(["users:write"])),
        replace(PERSONAL, workspace="main"),
        replace(PERSONAL, impersonated_by="root@x.org"),
        Credential(),
        JOB,
    ],
)
def test_a_narrow_or_borrowed_credential_makes_no_tokens(narrow: Credential) -> None:
    assert decide(member(), Action.CREATE, AccountTarget("ann@x.org")).allowed
    assert not decide(member(credential=narrow), Action.CREATE, AccountTarget("ann@x.org")).allowed


def test_accounts_are_open_to_themselves_and_superadmins() -> None:
    with pytest.raises(NotFound):
        require(member(), Action.READ, AccountTarget("bob@x.org"))
    assert not decide(member(), Action.MANAGE, AccountTarget("ann@x.org")).allowed
    assert not decide(member(), Action.READ, InstanceTarget("settings")).allowed
    assert not decide(Principal(email=""), Action.READ, InstanceTarget("whoami", superadmin=False)).allowed


def scoped(*texts: str, role: Role = Role.DEVELOPER, **folders: FolderRight) -> Principal:
    return member(role, credential=replace(PERSONAL, scopes=scopes.parse_all(texts)), **folders)


def test_a_scoped_token_reaches_no_further_than_its_scopes() -> None:
    principal = scoped("variables:read:f/a/b", "jobs:run:scripts:f/a/*", role=Role.ADMIN)
    assert allowed(principal, item(ItemKind.VARIABLE, "f/a/b")) == READS
    for name in ("f/a/b2", "f/a/bc/d", "f/ab/b"):
        assert decide(principal, Action.READ, item(ItemKind.VARIABLE, name)).visible is False
    assert allowed(principal, item(ItemKind.RESOURCE, "f/a/b")) == set()
    assert allowed(principal, item(ItemKind.SCRIPT, "f/a/s")) == {Action.RUN}
    assert allowed(principal, item(ItemKind.FLOW, "f/a/s")) == set()
    assert not decide(principal, Action.PREVIEW, WorkspaceTarget("jobs", Need.DEVELOPER)).allowed
    assert not decide(principal, Action.RUN, WorkspaceTarget("jobs", Need.DEVELOPER)).allowed
    assert decide(principal, Action.LIST, Listing("variables")).allowed
    assert not decide(principal, Action.LIST, Listing("resources")).allowed
    assert not decide(principal, Action.MANAGE, InstanceTarget("settings")).allowed


def test_a_scope_never_widens_what_the_account_may() -> None:
    principal = scoped("variables:read", "variables:write", a=READ)
    assert allowed(principal, item(ItemKind.VARIABLE, "f/a/v")) == READS
    assert not decide(principal, Action.READ, item(ItemKind.VARIABLE, "f/b/v")).visible


def test_a_scoped_token_learns_nothing_of_what_it_may_not_read() -> None:
    """The account could read the item but not change it: the token, whose scopes cover neither, is told of neither."""
    principal = scoped("variables:read:f/x/y", a=READ)
    for action in (Action.READ, Action.WRITE, Action.SHARE):
        assert not decide(principal, action, item(ItemKind.VARIABLE, "f/a/v")).visible


def test_jobs_without_a_path_need_an_unlimited_scope() -> None:
    job = JobTarget(OTHERS, "ann", "u/ann")
    assert decide(scoped("jobs:read"), Action.READ, job).allowed
    assert not decide(scoped("jobs:read:*"), Action.READ, job).allowed
    assert decide(scoped("jobs:read:f/a/*"), Action.READ, replace(job, path=parse_path("f/a/s"))).allowed


def test_scopes_are_checked_before_anything_is_looked_up() -> None:
    require_scope(scoped("variables:read:f/a/*"), "variables", "read", path="f/a/b")
    with pytest.raises(Denied, match="needs 'variables:write:f/a/b'"):
        require_scope(scoped("variables:read"), "variables", "write", path="f/a/b")
    require_scope(member(), "variables", "write", path="f/a/b")


def test_everybody_may_ask_who_they_are() -> None:
    principal = scoped("variables:read:f/a/b")
    assert decide(principal, Action.READ, WorkspaceTarget("whoami", Need.MEMBER)).allowed
    assert decide(principal, Action.READ, InstanceTarget("whoami", superadmin=False)).allowed


@dataclass(frozen=True)
class Row:
    name: str
    owners: tuple[str, ...] = ()
    extra_perms: Mapping[str, bool] = field(default_factory=dict)


def test_folder_rights_take_the_greatest_and_leave_out_none() -> None:
    rows = [
        Row("owned", owners=("g/ops",), extra_perms={"u/ann": False}),
        Row("written", extra_perms={"u/ann": False, "g/all": True}),
        Row("read", extra_perms={"g/ops": False}),
        Row("shut", owners=("u/bob",), extra_perms={"g/opsx": True, "ann": True}),
    ]
    rights = folder_rights(rows, member_keys("ann", ["ops"]))
    assert rights == {"owned": OWNER, "written": WRITE, "read": READ}
    assert folder_rights(rows, frozenset()) == {}


def test_the_coarse_filter_names_owners_and_keys() -> None:
    found = readable_owners(member(b=READ, a=OWNER))
    assert (found.everything, found.owner_keys) == (False, ("u/ann", "f/a", "f/b"))
    assert found.permission_keys == ("g/all", "g/ops", "u/ann")
    assert readable_owners(member(Role.ADMIN)).everything
    stranger = readable_owners(member(None, a=OWNER))
    assert (stranger.everything, stranger.owner_keys, stranger.permission_keys) == (False, (), ())


PRINCIPALS = st.builds(
    member,
    st.sampled_from([*Role, None]),
    credential=st.sampled_from(
        [
            PERSONAL,
            JOB,
            replace(PERSONAL, scopes=scopes.parse_all(["variables:read:f/a/*"])),
            replace(JOB, workspace="other"),
        ]
    ),
    a=st.sampled_from(FolderRight),
)
ITEMS = st.builds(
    lambda kind, path, shares: Item(kind, parse_path(path), shares),
    st.sampled_from(ItemKind),
    st.sampled_from(["f/a/x", "f/b/x", "u/ann/x", "u/bob/x"]),
    st.dictionaries(st.sampled_from(["u/ann", "g/all", "g/ops", "u/bob"]), st.booleans()),
)


@given(principal=PRINCIPALS, target=ITEMS, action=st.sampled_from(Action))
def test_the_coarse_filter_never_hides_what_may_be_read(principal: Principal, target: Item, action: Action) -> None:
    decision = decide(principal, action, target)
    assert decision.visible or not decision.allowed
    assert (decision.reason == "") == decision.allowed
    if decide(principal, Action.READ, target).allowed:
        coarse = readable_owners(principal)
        assert (
            coarse.everything
            or target.path.owner_key in coarse.owner_keys
            or not set(target.extra_perms).isdisjoint(coarse.permission_keys)
        )
