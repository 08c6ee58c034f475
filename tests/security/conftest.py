"""The server of the tests of the API, and its S3 endpoint, for those of its safety."""

from tests.api.conftest import api, database_template, peopled
from tests.api.s3.conftest import s3

__all__ = ["api", "database_template", "peopled", "s3"]
