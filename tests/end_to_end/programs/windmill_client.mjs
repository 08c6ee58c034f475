// What a TypeScript script calls at run time, by the published `windmill-client`, from outside of jobs.
// Prints one line of JSON: what it read back. Run in the folder that has the package.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "package.json"));
const wmill = require("windmill-client");

const { VARIABLE, RESOURCE, SCRIPT } = process.env;

await wmill.setVariable(VARIABLE, "first");
await wmill.setVariable(VARIABLE, "seconde 🌊\n");
await wmill.setResource({ a: [1, null, "é"], password: `$var:${VARIABLE}` }, RESOURCE, "any");
const before = await wmill.getState();
await wmill.setState({ count: 1 });
await wmill.setState({ count: 2 });

const job = await wmill.runScriptByPathAsync(SCRIPT, { value: 1 });
let missing = "";
try {
  await wmill.getResource("u/admin/nothing_here");
} catch (error) {
  missing = String(error);
}

console.log(
  JSON.stringify({
    variable: await wmill.getVariable(VARIABLE),
    resource: await wmill.getResource(RESOURCE),
    undefinedIfEmpty: (await wmill.getResource("u/admin/nothing_here", true)) === undefined,
    missing,
    before: before === undefined,
    state: await wmill.getState(),
    results: [
      await wmill.runScript(SCRIPT, null, { value: { k: ["x"] } }),
      await wmill.runScriptByPath(SCRIPT, { value: [null] }),
    ],
    waited: await wmill.waitJob(job),
    read: await wmill.JobService.getCompletedJobResult({ workspace: process.env.WM_WORKSPACE, id: job }),
    root: (await wmill.getRootJobId(job)) === job,
    version: (await wmill.SettingsService.backendVersion()).includes(" v1."),
    listed: (await wmill.VariableService.listVariable({ workspace: process.env.WM_WORKSPACE })).some(
      (each) => each.path === VARIABLE,
    ),
  }),
);
process.exit(0);
