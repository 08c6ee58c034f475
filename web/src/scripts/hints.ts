/** What was said of a script's form by hand, and no signature tells. */
type Schema = Record<string, unknown>;

/** Ways to enter a text; a source never asks for them. */
const FORMATS = ["cron", "sql", "textarea", "password"];

const membersOf = (schema: Schema | null | undefined) => (schema?.properties ?? {}) as Record<string, Schema>;

/** `inferred` with the hints of `before` for texts that are still there; undefined where there are none. */
export function withHints(inferred: Schema, before: Schema | null | undefined): Schema | undefined {
  const members = membersOf(inferred);
  const hinted = Object.entries(membersOf(before)).filter(([name, { format, password }]) => members[name]?.type === "string" && members[name].format === undefined && (password === true || FORMATS.includes(String(format))));
  if (hinted.length === 0) return undefined;
  const found = hinted.map(([name, { format, password }]) => [name, { ...members[name], ...(password === true ? { password } : { format }) }] as const);
  return { ...inferred, properties: { ...members, ...Object.fromEntries(found) } };
}
