import { expect, it } from "vitest";

import { mentions } from "./mentions";

const PATH = "f/data/warehouse";

it("finds references, quoted paths and annotations", () => {
  for (const text of [`{"db": "$res:${PATH}"}`, `wmill.get_resource("${PATH}")`, `wmill.get_resource('${PATH}')`, `-- database ${PATH}\nselect 1`, `# database ${PATH}`]) expect(mentions(text, "resources", PATH)).toBe(true);
  expect(mentions(`{"password": "$var:${PATH}"}`, "variables", PATH)).toBe(true);
});

it("does not take longer paths, words in passing or the other kind for it", () => {
  for (const text of [`"$res:${PATH}_old"`, `"$res:${PATH}/x"`, `"x${PATH}"`, `see ${PATH} for more`, `"$var:${PATH}"`]) expect(mentions(text, "resources", PATH)).toBe(false);
});
