/** What somebody may do in a folder: the greatest of what is said of them. */
export type Right = "owner" | "writer" | "reader";

export const RIGHTS: { right: Right; may: string }[] = [
  { right: "owner", may: "everything, and says who else may" },
  { right: "writer", may: "reads, runs and changes what is in it" },
  { right: "reader", may: "reads and runs what is in it" },
];

interface Perms {
  owners: readonly string[];
  extra_perms: Readonly<Record<string, boolean>>;
}

/** Everybody named, owners first, then writers, then readers. */
export function rightsOf({ owners, extra_perms }: Perms): { whose: string; right: Right }[] {
  const others = Object.entries(extra_perms).filter(([whose]) => !owners.includes(whose));
  const of = (write: boolean) => others.filter(([, may]) => may === write).map(([whose]) => whose);
  const rows: [readonly string[], Right][] = [[owners, "owner"], [of(true), "writer"], [of(false), "reader"]];
  return rows.flatMap(([whose, right]) => [...whose].sort().map((each) => ({ whose: each, right })));
}
