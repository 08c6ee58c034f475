/** How expressions name what lies inside of values. */
const NAME = /^[A-Za-z_$][\w$]*$/;

export function memberOf(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return NAME.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

/** A text with `inserted` in the place of what is chosen in it; and where the cursor then stands. */
export function put(text: string, from: number, to: number, inserted: string): { text: string; cursor: number } {
  return { text: text.slice(0, from) + inserted + text.slice(to), cursor: from + inserted.length };
}
