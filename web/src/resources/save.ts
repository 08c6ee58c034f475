/** Saving a resource: its secrets go into variables of their own first, if that is wanted. */
import { create, remove, update, changeOf } from "@/items/queries";
import { parse, write } from "@/results/shape";

import { isTaken, isVariableTaken, type Schema } from "./queries";
import { plainSecrets, withReferences } from "./secrets";

export interface Draft {
  path: string;
  type: string;
  /** Undefined: as it is. */
  description: string | undefined;
  /** JSON text. */
  text: string;
  /** Put secrets that stand in the value into encrypted variables. */
  seals: boolean;
}

const MOST_NAMES = 50;

async function freeName(workspace: string, path: string): Promise<string> {
  for (let number = 1; number <= MOST_NAMES; number++) {
    const name = number === 1 ? path : `${path}_${number}`;
    if (!(await isVariableTaken(workspace, name))) return name;
  }
  throw new Error(`There are variables from ${path} to ${path}_${MOST_NAMES} already: remove those that nothing needs.`);
}

/** The value with references in place of its secrets, and the variables that were made for that. */
async function sealed(workspace: string, draft: Draft, schema: Schema | undefined): Promise<{ text: string; made: string[] }> {
  const value = parse(draft.text);
  const made: string[] = [];
  const paths = new Map<string, string>();
  try {
    for (const { place, text } of draft.seals ? plainSecrets(schema, value) : []) {
      const path = await freeName(workspace, `${draft.path}_${place.join("_")}`);
      await create(workspace, "variables", JSON.stringify({ path, value: text, is_secret: true, description: `${place.join(".")} of ${draft.path}` }));
      made.push(path);
      paths.set(place.join("/"), path);
    }
  } catch (error) {
    await undo(workspace, made);
    throw error;
  }
  return { text: write(withReferences(value, paths)), made };
}

async function undo(workspace: string, made: string[]): Promise<void> {
  await Promise.all(made.map((path) => remove(workspace, "variables", path)));
}

/** `version`: the one that is written over; without one a new resource is made. */
export async function save(workspace: string, draft: Draft, schema: Schema | undefined, version?: number): Promise<void> {
  if (version === undefined && (await isTaken(workspace, draft.path))) throw new Error(`There is a resource at ${draft.path} already: choose another name, or open that one.`);
  const { text, made } = await sealed(workspace, draft, schema);
  try {
    if (version === undefined) await create(workspace, "resources", changeOf({ path: draft.path, resource_type: draft.type, description: draft.description ?? "" }, text));
    else await update(workspace, "resources", draft.path, version, changeOf(draft.description === undefined ? {} : { description: draft.description }, text));
  } catch (error) {
    await undo(workspace, made);
    throw error;
  }
}
