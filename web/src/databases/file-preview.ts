/** What a file begins with, so that one sees before an import how it will be read. */
import type { Format } from "./queries";

export const PREVIEW_BYTES = 64 * 1024;
const MOST_ROWS = 8;

export interface FilePreview {
  names: string[];
  rows: (string | null)[][];
  /** Why it cannot be read; "" where it can. */
  fault: string;
}

export function formatOf(name: string): Format {
  const ending = name.toLowerCase().split(".").at(-1);
  return ending === "parquet" ? "parquet" : ending === "csv" ? "csv" : "json";
}

/** Of the beginning of a file; null where its format shows nothing there. */
export function previewOf(format: Format, beginning: string): FilePreview | null {
  if (format === "parquet") return null;
  const text = beginning.replace(/^\uFEFF/, "");
  return format === "csv" ? ofCsv(text) : ofJsonLines(text);
}

function ofCsv(text: string): FilePreview {
  const [names, ...rows] = csvRows(text, MOST_ROWS + 1);
  if (!names?.length || names.some((each) => !each)) return { names: [], rows: [], fault: "The first line must name each column." };
  const wrong = rows.findIndex((row) => row.length !== names.length);
  if (wrong >= 0) return { names: names.map(String), rows, fault: `Record ${wrong + 1} has ${rows[wrong]!.length} fields, the header ${names.length}.` };
  return { names: names.map(String), rows, fault: "" };
}

/** Fields with `null` for those that are empty without quotes. The last record may be cut: it is left out unless it ends. */
function csvRows(text: string, most: number): (string | null)[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  while (field.lastIndex < text.length && rows.length < most) {
    const found = field.exec(text);
    if (!found) break;
    row.push(found[1] !== undefined ? found[1].replaceAll('""', '"') : found[2] || null);
    if (found[3] === ",") continue;
    if (found[3] === "" && text.length >= PREVIEW_BYTES) break;
    rows.push(row);
    row = [];
  }
  return rows;
}

function ofJsonLines(text: string): FilePreview {
  const lines = text.split("\n").filter((line) => line.trim());
  if (text.length >= PREVIEW_BYTES) lines.pop();
  const records: { [name: string]: unknown }[] = [];
  for (const [index, line] of lines.slice(0, MOST_ROWS).entries()) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null || Array.isArray(value)) return { names: [], rows: [], fault: `Line ${index + 1} is no JSON object: JSON Lines has one on each line.` };
      records.push(value as { [name: string]: unknown });
    } catch {
      return { names: [], rows: [], fault: `Line ${index + 1} is no JSON object: JSON Lines has one on each line.` };
    }
  }
  const names = [...new Set(records.flatMap((each) => Object.keys(each)))];
  const rows = records.map((each) => names.map((name) => (each[name] === undefined || each[name] === null ? null : typeof each[name] === "string" ? each[name] : JSON.stringify(each[name]))));
  return { names, rows, fault: names.length ? "" : "The file has no records." };
}

/** Columns of the file -> of the table: those that have the same name, in whatever letters. */
export function mappingOf(names: readonly string[], columns: readonly string[]): { [name: string]: string } {
  const known = new Map(columns.map((each) => [each.toLowerCase(), each]));
  return Object.fromEntries(names.flatMap((name) => (columns.includes(name) ? [[name, name]] : known.has(name.toLowerCase()) ? [[name, known.get(name.toLowerCase())!]] : [])));
}
