/** Steps that change a table's definition, from what was entered in a form. */
import type { Step, Table, TableColumn } from "./queries";

/** A column as it is written in a form. */
export interface ColumnDraft {
  name: string;
  type: string;
  nullable: boolean;
  default: string;
}

export const NEW_COLUMN: ColumnDraft = { name: "", type: "", nullable: true, default: "" };

export function draftOf(column: TableColumn): ColumnDraft {
  return { name: column.name, type: column.type, nullable: column.is_nullable, default: column.default ?? "" };
}

interface Where {
  schema: string;
  table: string;
}

/** What takes a column from what it is to what was entered; the new name comes last. */
export function columnSteps(where: Where, was: ColumnDraft, now: ColumnDraft): Step[] {
  const here = { ...where, column: was.name };
  const steps: Step[] = [];
  if (now.type !== was.type) steps.push({ kind: "change_type", ...here, type: now.type });
  if (now.default !== was.default) steps.push({ kind: "set_default", ...here, default: now.default });
  if (now.nullable !== was.nullable) steps.push({ kind: "set_nullable", ...here, nullable: now.nullable });
  if (now.name !== was.name) steps.push({ kind: "rename_column", ...here, to: now.name });
  return steps;
}

/** What a column still lacks, as words for its reader; "" for nothing. */
export function lackOf(column: ColumnDraft, others: readonly ColumnDraft[]): string {
  if (!column.name.trim()) return "Each column needs a name.";
  if (!column.type.trim()) return `The column ${column.name} needs a type.`;
  return others.some((each) => each !== column && each.name === column.name) ? `Two columns are called ${column.name}.` : "";
}

/** Types to choose from by the language; others can be written. */
export const TYPES: Record<string, readonly string[]> = {
  postgresql: ["bigint", "integer", "text", "boolean", "numeric(12, 2)", "double precision", "timestamptz", "date", "uuid", "jsonb", "bytea", "text[]"],
  mysql: ["bigint", "int", "varchar(255)", "text", "boolean", "decimal(12, 2)", "double", "datetime(6)", "date", "json", "blob"],
  mssql: ["bigint", "int", "nvarchar(255)", "nvarchar(max)", "bit", "decimal(12, 2)", "float", "datetime2(6)", "datetimeoffset(6)", "date", "uniqueidentifier", "varbinary(max)"],
  oracledb: ["number(19)", "number(12, 2)", "varchar2(255)", "clob", "binary_double", "timestamp", "timestamp with time zone", "date", "raw(16)", "blob"],
  clickhouse: ["Int64", "UInt64", "String", "Bool", "Decimal(12, 2)", "Float64", "DateTime64(6, 'UTC')", "Date", "UUID", "Array(String)"],
};

/** Kinds of steps that take data along, and so want a name typed. */
export function isLosing(step: Step): boolean {
  return step.kind === "drop_table" || step.kind === "drop_column" || step.kind === "drop_schema";
}

/** What cannot be dropped as an index: the primary key. */
export function droppable(table: Table): Table["indexes"] {
  return table.indexes.filter((each) => !each.is_primary);
}
