/** Which texts name an item: as `$res:` or `$var:`, as an annotation of a query, or as the whole of a quoted text. */
import type { Kind } from "./queries";

const PREFIX = { resources: "$res:", variables: "$var:" } as const;
const WORD = /[A-Za-z0-9_.\-/]/;

/** Whether `path` stands in `text` as itself, and not as a part of a longer path. */
export function mentions(text: string, kind: Kind, path: string): boolean {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    const before = text.slice(0, at);
    const next = text[at + path.length] ?? "";
    if (WORD.test(next) && !/^[.\-]*(?:[^A-Za-z0-9_./\-]|$)/.test(text.slice(at + path.length))) continue;
    const isNamed = before.endsWith(PREFIX[kind]) || /["'`]$/.test(before);
    const isOtherKind = before.endsWith(PREFIX[kind === "resources" ? "variables" : "resources"]);
    const isAnnotated = kind === "resources" && /(?:^|\n)[ \t]*(?:--|#|\/\/)[ \t]*(?:database|s3)\b[^\n]*[ \t]$/.test(before);
    if ((isNamed || isAnnotated) && !isOtherKind) return true;
  }
  return false;
}
