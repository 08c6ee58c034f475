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

// A flow and its schedule, from first to last.
const { FlowService, JobService, ScheduleService } = wmill;
const place = process.env.FLOW;
const ofFlow = { workspace, path: place };
const echo = { ...see, content: "#n\nn=\"$1\"\necho $n\n", input_transforms: { n: { type: "javascript", expr: "flow_input.n" } } };
const deployed = { path: place, summary: "first", value: { modules: [{ id: "echo", value: echo }] } };
await FlowService.createFlow({ workspace, requestBody: deployed });
await FlowService.updateFlow({ ...ofFlow, requestBody: { ...deployed, summary: "second" } });
const kept = await FlowService.getFlowByPath(ofFlow);
const ran = await JobService.runFlowByPath({ ...ofFlow, requestBody: { n: 5 } });
const when = { schedule: "0 0 12 L * *", timezone: "UTC" };
await ScheduleService.createSchedule({
  workspace,
  requestBody: { ...when, path: place, script_path: place, is_flow: true, args: { n: 6 }, enabled: true },
});
await ScheduleService.setScheduleEnabled({ ...ofFlow, requestBody: { enabled: false } });
await ScheduleService.updateSchedule({ ...ofFlow, requestBody: { ...when, args: { n: 7 } } });
const scheduled = await ScheduleService.getSchedule(ofFlow);
const flowAndSchedule = {
  flow: [kept.path, kept.summary, kept.value.modules[0].id],
  versions: (await FlowService.getFlowHistory(ofFlow)).length,
  listed: (await FlowService.listFlows({ workspace, pathExact: place }))[0].value.modules.length,
  ran: [await wmill.waitJob(ran), await JobService.resultById({ workspace, flowJobId: ran, nodeId: "echo" })],
  logs: (await JobService.getFlowAllLogsStructured({ workspace, id: ran })).map((each) => each.label),
  schedule: [scheduled.enabled, scheduled.args, scheduled.is_flow],
  next: (await ScheduleService.previewSchedule({ requestBody: when })).length,
};
await ScheduleService.deleteSchedule(ofFlow);
await FlowService.archiveFlowByPath({ ...ofFlow, requestBody: { archived: true } });
await FlowService.deleteFlowByPath(ofFlow);
flowAndSchedule.gone = [await FlowService.existsFlowByPath(ofFlow), await ScheduleService.existsSchedule(ofFlow)];

console.log(
  JSON.stringify({
    flowAndSchedule,
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
