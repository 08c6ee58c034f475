/** Arguments of a flow: what a form can make of them, and the JSON schema that says so. */
import type { Property, Schema } from "@/flow/model";

export type Kind = "text" | "long" | "secret" | "choice" | "integer" | "number" | "boolean" | "date" | "moment" | "texts" | "numbers" | "object" | "any" | "file" | "resource" | "other";

export const KIND_NAMES: Record<Kind, string> = {
  text: "Text", long: "Long text", secret: "Secret text", choice: "One of several texts", integer: "Whole number", number: "Number", boolean: "Yes or no", date: "Date", moment: "Date and time",
  texts: "List of texts", numbers: "List of numbers", object: "Object", any: "Any JSON", file: "Object in a storage", resource: "Resource", other: "Something else",
};

const MADE: Record<Exclude<Kind, "other">, Property> = {
  text: { type: "string" },
  long: { type: "string", format: "textarea" },
  secret: { type: "string", password: true },
  choice: { type: "string", enum: ["one", "other"] },
  integer: { type: "integer" },
  number: { type: "number" },
  boolean: { type: "boolean" },
  date: { type: "string", format: "date" },
  moment: { type: "string", format: "date-time" },
  texts: { type: "array", items: { type: "string" } },
  numbers: { type: "array", items: { type: "number" } },
  object: { type: "object" },
  any: {},
  file: { type: "object", format: "resource-s3_object" },
  resource: { type: "object", format: "resource-postgresql" },
};

/** Which of the kinds a property is; `other` is kept as it is. */
export function kindOf(property: Property): Kind {
  const { type, format } = property;
  if (format === "resource-s3_object") return "file";
  if (format?.startsWith("resource-")) return "resource";
  if (type === undefined && property.properties === undefined && property.enum === undefined) return "any";
  if (type === "string") {
    if (property.enum) return "choice";
    if (property.password) return "secret";
    if (property.contentEncoding) return "other";
    return ({ "": "text", textarea: "long", date: "date", "date-time": "moment" } as Record<string, Kind>)[format ?? ""] ?? "other";
  }
  if (type === "array") {
    const items = property.items as Property | undefined;
    if (items?.type === "string" && !items.format && !items.enum && !items.contentEncoding) return "texts";
    return items?.type === "number" && !items.enum ? "numbers" : "other";
  }
  if (type === "object") return property.properties ? "other" : "object";
  return type === "integer" || type === "number" || type === "boolean" ? type : "other";
}

/** The property as another kind; what it is called and said to be stays. */
export function asKind(property: Property, kind: Kind): Property {
  if (kind === "other") return property;
  return { ...structuredClone(MADE[kind]), ...(property.description ? { description: property.description } : {}), ...(property.title ? { title: property.title } : {}) };
}

/** The names in the order of the form. */
export function namesOf(schema: Schema): string[] {
  const all = Object.keys(schema.properties ?? {});
  const first = (schema.order ?? []).filter((name) => all.includes(name));
  return [...first, ...all.filter((name) => !first.includes(name))];
}

export function withProperty(schema: Schema, name: string, property: Property): Schema {
  return { ...schema, type: "object", properties: { ...schema.properties, [name]: property }, order: namesOf({ ...schema, properties: { ...schema.properties, [name]: property } }) };
}

export function withoutProperty(schema: Schema, name: string): Schema {
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([each]) => each !== name));
  return { ...schema, properties, required: (schema.required ?? []).filter((each) => each !== name), order: namesOf(schema).filter((each) => each !== name) };
}

export function renamed(schema: Schema, name: string, next: string): Schema {
  const to = (each: string) => (each === name ? next : each);
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(schema.properties ?? {}).map(([each, property]) => [to(each), property])),
    required: (schema.required ?? []).map(to),
    order: namesOf(schema).map(to),
  };
}

export function requiring(schema: Schema, name: string, isRequired: boolean): Schema {
  const others = (schema.required ?? []).filter((each) => each !== name);
  return { ...schema, required: isRequired ? [...others, name] : others };
}

export function shifted(schema: Schema, name: string, by: -1 | 1): Schema {
  const order = namesOf(schema);
  const at = order.indexOf(name);
  const to = at + by;
  if (to < 0 || to >= order.length) return schema;
  return { ...schema, order: order.toSpliced(at, 1).toSpliced(to, 0, name) };
}

/** What is wrong with a name of an argument; "" for nothing. */
export function nameFault(schema: Schema, name: string, now: string): string {
  if (!name) return "Give it a name.";
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return "A letter or _, then letters, digits and _.";
  if (name === "iter") return "iter is what loops go through.";
  return name !== now && schema.properties?.[name] !== undefined ? "There is one of that name." : "";
}
