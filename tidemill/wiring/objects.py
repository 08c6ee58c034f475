"""Opens the stores of workspaces: those that the instance keeps itself, folders of the host, buckets of resources."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tidemill.engine.egress import Egress
from tidemill.model.errors import BadRequest, StorageMisconfigured
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import ObjectStore
from tidemill.stores.objects.remote.identity import Prove, by_file
from tidemill.wiring.instance_stores import InstanceStores
from tidemill.wiring.local_stores import folder_of, is_below


class Stores:
    """`Opener`. Buckets of resources are connected to where `egress` lets it.

    `roots` are the folders of the host below which superadmins may put storages, `token_files` the files with identity
    tokens that resources may name. `prove_as` gives what proves a subject of ours.
    """

    def __init__(
        self,
        own: InstanceStores,
        roots: Sequence[Path],
        egress: Egress,
        *,
        prove_as: Callable[[str], Prove],
        token_files: Sequence[Path] = (),
    ) -> None:
        self._own = own
        self._roots = roots
        self._egress = egress
        self._prove_as = prove_as
        self._token_files = token_files

    async def instance(self, workspace: str, name: str) -> ObjectStore:
        """See `Opener.instance`."""
        return self._own.open(workspace, name)

    def check_folder(self, path: str) -> None:
        """See `Opener.check_folder`."""
        wanted = Path(path)
        if "\0" in path or not wanted.is_absolute():
            raise BadRequest(f"root_path {path[:200]!r} must be the absolute path of a folder.")
        if not is_below(wanted, self._roots):
            allowed = ", ".join(map(str, self._roots)) or "none is set"
            raise BadRequest(
                f"root_path {path[:200]!r} is not below a folder that storages may be put into ({allowed}): "
                "whoever runs the server lists these in TIDEMILL_STORAGE_ROOTS."
            )

    async def folder(self, path: str, workspace: str, name: str) -> ObjectStore:
        """See `Opener.folder`."""
        try:
            self.check_folder(path)
        except BadRequest as error:
            raise StorageMisconfigured(str(error)) from error
        return open_store("local", {"root_path": str(folder_of(path, workspace, name))}, egress=self._egress)

    async def bucket(self, kind: str, value: dict[str, object], *, subject: str) -> ObjectStore:
        """See `Opener.bucket`."""
        return open_store(kind, value, egress=self._egress, prove=self._prove(value, subject))

    async def erase(self, workspace: str) -> None:
        """See `Opener.erase`."""
        await self._own.erase(workspace)

    def _prove(self, value: dict[str, object], subject: str) -> Prove:
        """What proves an identity: we ourselves, or a file of this host where the resource names one and may."""
        named = value.get("federatedTokenFile")
        if not isinstance(named, str) or not named.strip():
            return self._prove_as(subject)
        path = Path(named.strip())
        if path not in self._token_files:
            raise StorageMisconfigured(
                f"federatedTokenFile {named[:200]!r} is not a file that resources may name: whoever runs the server "
                "lists these in TIDEMILL_TOKEN_FILES."
            )
        return by_file(path)
