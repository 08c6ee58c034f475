"""The S3 credentials that belong to the token which a request shows."""

from starlette.requests import Request

from tidemill.model.errors import Denied
from tidemill.model.identity import CredentialKind, Principal
from tidemill.server import auth
from tidemill.server.parts import Parts
from tidemill.server.s3 import credentials
from tidemill.server.s3.credentials import S3Credentials


def own_credentials(request: Request, parts: Parts, caller: Principal) -> S3Credentials:
    """What an S3 client signs with to act as the caller, as long as its token is good.

    Raises:
        Denied: it shows no token that could.
    """
    shown = auth.shown_by(request)
    assert shown is not None
    match caller.credential.kind:
        case CredentialKind.JOB:
            return credentials.of_job(shown.token)
        case CredentialKind.PERSONAL:
            return credentials.of_token(parts, auth.hash_of(shown.token), caller.workspace)
        case _:
            raise Denied("A browser's session has no S3 credentials: make an access key or a token.")
