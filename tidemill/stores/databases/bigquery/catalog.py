"""What BigQuery says of its tables: its datasets are the schemas. It is asked by requests that cost nothing."""

from collections.abc import Mapping
from typing import Any, Final, cast

from tidemill.model.errors import NotFound
from tidemill.stores.databases.bigquery.session import BigQuerySession
from tidemill.stores.databases.bigquery.types import columns_of
from tidemill.stores.databases.catalog import VIEW, Table, TableColumn, TableName
from tidemill.stores.databases.port import Session

_KINDS: Final = {
    "TABLE": "table",
    "VIEW": "view",
    "MATERIALIZED_VIEW": "materialized view",
    "EXTERNAL": "foreign table",
    "SNAPSHOT": "table",
}
_NO_CHANGES: Final = (
    "BigQuery has no keys that are unique: that a change hits exactly one row cannot be promised. Run a script."
)


class BigQueryCatalog:
    """A `Catalog`. A request for each dataset where all tables are asked for."""

    async def tables(self, session: Session) -> list[TableName]:
        """See `Catalog.tables`."""
        asking = cast("BigQuerySession", session)
        found: list[TableName] = []
        async for dataset in asking.listed(["datasets"], "datasets"):
            schema = str(dataset["datasetReference"]["datasetId"])
            found += [
                TableName(
                    schema=schema,
                    name=str(table["tableReference"]["tableId"]),
                    kind=_kind(table),
                    rows=None,
                    comment=str(table.get("friendlyName") or ""),
                )
                async for table in asking.listed(["datasets", schema, "tables"], "tables")
            ]
        return sorted(found, key=lambda each: (each.schema, each.name))

    async def table(self, session: Session, schema: str, name: str) -> Table:
        """See `Catalog.table`."""
        told = await cast("BigQuerySession", session).looked_up(["datasets", schema, "tables", name])
        if told is None:
            raise NotFound(f"There is no table {schema}.{name} in the project, or the account may not see it.")
        kind = _kind(told)
        return Table(
            schema=schema,
            name=name,
            kind=kind,
            comment=str(told.get("description") or ""),
            columns=_columns(told),
            key=(),
            indexes=(),
            foreign_keys=(),
            sorted_by=tuple((told.get("clustering") or {}).get("fields") or ()),
            why_read_only=VIEW if "view" in kind else _NO_CHANGES,
        )


def _kind(told: Mapping[str, Any]) -> str:
    return _KINDS.get(str(told.get("type")), "table")


def _columns(told: Mapping[str, Any]) -> tuple[TableColumn, ...]:
    fields = (told.get("schema") or {}).get("fields") or []
    return tuple(
        TableColumn(
            name=column.name,
            type=column.type.name,
            is_nullable=field.get("mode") != "REQUIRED",
            default=field.get("defaultValueExpression"),
            is_generated=False,
            comment=str(field.get("description") or ""),
        )
        for column, field in zip(columns_of(fields)[0], fields, strict=True)
    )
