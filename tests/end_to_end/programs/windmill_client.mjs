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

// A flow that waits for an approval, given by a link as a step of it makes one.
const workspace = process.env.WM_WORKSPACE;
const see = {
  type: "rawscript",
  language: "bash",
  content: 'seen="$1"\necho "$seen"\n',
  input_transforms: { seen: { type: "javascript", expr: "approvers[0] + resume.size" } },
};
const modules = [
  { id: "ask", value: { type: "identity" }, suspend: { required_events: 1 } },
  { id: "see", value: see },
];
const flow = await wmill.JobService.runFlowPreview({ workspace, requestBody: { value: { modules }, args: {} } });
let asking;
do {
  asking = await wmill.JobService.getJob({ workspace, id: flow });
} while (!asking.suspend);
process.env.WM_JOB_ID = asking.flow_status.modules.find((each) => each.id === "ask").job;
const urls = await wmill.getResumeUrls("Grace");
const headers = { "Content-Type": "application/json" };
await fetch(urls.resume, { method: "POST", headers, body: JSON.stringify({ size: 2 }) });

console.log(
  JSON.stringify({
    approved: await wmill.waitJob(flow),
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
