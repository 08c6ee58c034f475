"""`python -m tidemill.db.schema` writes `schema.sql`: what all migrations add up to, as `pg_dump` tells it."""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from tidemill.db.embedded import EmbeddedPostgres, find_binaries
from tidemill.db.migrate import migrate
from tidemill.model.errors import DatabaseUnusable

SCHEMA: Final = Path(__file__).parent / "schema.sql"
_HEAD: Final = "-- Made by `python -m tidemill.db.schema` from the migrations; a test compares. Do not edit.\n\n"
_NOISE: Final = re.compile(r"^(?:--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(?:un)?restrict .*)$\n?", re.MULTILINE)


async def schema_of(dsn: str, *, binaries: Path) -> str:
    """The tables, functions, policies and so on of a database, without owners, rights and the runner's own table."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        str(binaries / "pg_dump"),
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--exclude-table=schema_migration",
        f"--host={parts['host']}",
        f"--port={parts['port']}",
        f"--username={parts['user']}",
        parts["dbname"],
        env={"PGPASSWORD": parts.get("password", ""), "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate()
    if process.returncode:
        raise DatabaseUnusable(f"pg_dump could not read the schema: {complaint.decode(errors='replace').strip()}")
    text = _NOISE.sub("", output.decode())
    return _HEAD + re.sub(r"\n{2,}", "\n\n", text).strip() + "\n"


async def schema_of_migrations() -> str:
    """The schema of a new database to which all migrations were applied."""
    with tempfile.TemporaryDirectory(prefix="tidemill-schema-") as directory:
        async with EmbeddedPostgres(Path(directory)) as postgres:
            await migrate(postgres.dsn)
            return await schema_of(postgres.dsn, binaries=find_binaries())


def main() -> None:
    """Write the file."""
    SCHEMA.write_text(asyncio.run(schema_of_migrations()), encoding="utf-8")
    sys.stdout.write(f"Wrote {SCHEMA}\n")


if __name__ == "__main__":
    main()
