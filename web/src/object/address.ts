/** Keys and addresses of objects. Keys are never changed: `a//b` and `a/` are keys like any other. */
export const DEFAULT = "_default_";

export interface At {
  /** The name of a storage; `_default_` for the default one. */
  storage: string;
  key: string;
}

/** As scripts write it: `s3://storage/key`, `s3:///key` in the default storage. */
export function addressOf({ storage, key }: At): string {
  return `s3://${storage === DEFAULT ? "" : storage}/${key}`;
}

/** Null for what is no address. */
export function readAddress(text: string): At | null {
  const found = /^s3:\/\/([^/]*)\/(.*)$/s.exec(text.trim());
  return found ? { storage: found[1] || DEFAULT, key: found[2]! } : null;
}

/** The key up to its last slash, with it. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

/** What is behind the last slash; of a folder, its own name with the slash. */
export function nameOf(key: string): string {
  const at = key.lastIndexOf("/", key.length - 2);
  return key.slice(at + 1);
}

/** Where each key of a folder or selection goes that is moved to `target`. */
export function movedKey(key: string, from: string, target: string): string {
  const folder = target === "" || target.endsWith("/") ? target : `${target}/`;
  return folder + key.slice(from.length);
}

/** A SQL statement that reads an object with DuckDB; quotes in keys are doubled. */
export function duckdbQuery(at: At): string {
  const name = addressOf(at).replaceAll("'", "''");
  const ending = at.key.toLowerCase().replace(/\.(gz|zst)$/, "").split(".").at(-1);
  const reader = ending === "parquet" ? "read_parquet" : ending === "json" || ending === "jsonl" || ending === "ndjson" ? "read_json" : ending === "csv" || ending === "tsv" ? "read_csv" : "read_text";
  return `select * from ${reader}('${name}') limit 100\n`;
}
