/** Conditions on columns, as they stand in the address of the page. */
export const OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "contains", "begins", "is null", "is not null"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  column: string;
  operator: Operator;
  /** JSON text. */
  value: string;
}

export function needsValue(operator: Operator): boolean {
  return operator !== "is null" && operator !== "is not null";
}

/** What was typed, as the JSON that a column of that kind takes: a number keeps its digits. */
export function typedValue(text: string, kind: string): string {
  const trimmed = text.trim();
  if (["integer", "float", "decimal"].includes(kind) && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(trimmed)) return trimmed;
  if (kind === "container") return /^[[{]/.test(trimmed) ? typedValue(text, "json") : JSON.stringify(text);
  if (kind === "bool" && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase();
  if (["json", "array", "struct", "map"].includes(kind)) {
    try {
      JSON.parse(trimmed);
      return trimmed;
    } catch {
      return JSON.stringify(text); // no JSON: the database says what it thinks of the text
    }
  }
  return JSON.stringify(text);
}

export function writeConditions(conditions: readonly Condition[]): string | undefined {
  return conditions.length ? JSON.stringify(conditions.map((each) => [each.column, each.operator, each.value])) : undefined;
}

/** Of what is no list of conditions nothing is kept. */
export function readConditions(text: string | undefined): Condition[] {
  if (!text) return [];
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(found)) return [];
  return found.flatMap((each: unknown) => {
    if (!Array.isArray(each) || each.length !== 3 || !each.every((part) => typeof part === "string")) return [];
    const [column, operator, value] = each as [string, string, string];
    return (OPERATORS as readonly string[]).includes(operator) ? [{ column, operator: operator as Operator, value }] : [];
  });
}
