// Restate: a durable handler whose steps (ctx.run) are recorded in the server's journal; the steps run in Node's process.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

console.log = console.info = console.debug = console.error; // standard output is for who asks
const require = createRequire(`${process.env.PEER_PACKAGES}/package.json`);
const restate = await import(pathToFileURL(require.resolve("@restatedev/restate-sdk")).href);
const program = require.resolve("@restatedev/restate-server-linux-x64/bin/restate-server");
const [ingress, admin, node, endpoint, pgsql] = await Promise.all(Array.from({ length: 5 }, freePort));
const home = `http://127.0.0.1:${ingress}`;

const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

const flow = restate.service({
  name: "flow",
  handlers: {
    run: async (ctx, { steps, number }) => {
      let found = 0;
      for (let at = 0; at < steps; at++) found = await ctx.run(`s${at}`, () => fib(number));
      return found;
    },
  },
});

const server = spawn(program, ["--base-dir", process.env.PEER_DIRECTORY, "--node-name", "peer"], {
  env: {
    ...process.env,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_ADMIN__QUERY_ENGINE__PGSQL_BIND_ADDRESS: `127.0.0.1:${pgsql}`,
    RESTATE_LOG_FILTER: "error",
    RESTATE_DISABLE_TELEMETRY: "true",
  },
  stdio: ["ignore", 2, 2],
});
process.on("exit", () => server.kill());

await restate.serve({ services: [flow], port: endpoint });
await until(() => answers(`http://127.0.0.1:${admin}/health`));
await post(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${endpoint}` });
await until(() => answers(`${home}/restate/health`));
tell({ modes: ["inside"] });
for await (const line of createInterface({ input: process.stdin })) {
  const [steps, number] = line.split(" ").map(Number);
  const began = performance.now();
  await post(`${home}/flow/run`, { steps, number });
  tell((performance.now() - began) / 1000);
}
process.exit(0);

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function post(url, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function until(condition) {
  while (!(await condition())) await new Promise((wake) => setTimeout(wake, 50));
}

function freePort() {
  return new Promise((found) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });
}
