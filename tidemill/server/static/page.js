// The start page: sign in, choose a script, fill in its form, run it, watch it. No library, nothing from elsewhere.

const $ = (id) => document.getElementById(id);
const RUNS = 20, MOST_LOG = 500_000, CSRF = { "X-Tidemill-CSRF": "1" };
const state = { workspace: "", scripts: [], script: null, job: "", events: null };

async function call(path, options = {}) {
  const answer = await fetch(`/api/${path}`, { ...options, headers: { ...CSRF, ...options.headers } });
  const text = await answer.text();
  if (answer.status === 401 && path !== "auth/login") showSignIn();
  if (!answer.ok) throw new Error(text || `The server answered ${answer.status}.`);
  return text;
}
const get = async (path) => JSON.parse(await call(path));
const post = (path, body) => call(path, { method: "POST", body, headers: { "Content-Type": "application/json" } });
const inWorkspace = (path) => `w/${encodeURIComponent(state.workspace)}/${path}`;
const inUrl = (path) => path.split("/").map(encodeURIComponent).join("/");

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// What a reload must keep is behind the # of the URL.
const place = () => new URLSearchParams(location.hash.slice(1));
function remember(changes) {
  const now = place();
  for (const [name, value] of Object.entries(changes)) value ? now.set(name, value) : now.delete(name);
  history.replaceState(null, "", `#${now}`);
}

// Signing in and out

function showSignIn() {
  state.events?.close();
  $("app").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in").email.focus();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, error = form.querySelector(".error");
  error.textContent = "";
  try {
    await post("auth/login", JSON.stringify({ email: form.email.value, password: form.password.value }));
    form.reset();
    await start();
  } catch (problem) {
    error.textContent = problem.message;
    form.password.select();
  }
});

$("sign-out").addEventListener("click", async () => {
  await post("auth/logout", "").catch(() => {});
  history.replaceState(null, "", "/");
  location.reload();
});

async function start() {
  const me = await get("users/whoami").catch(() => null);
  if (!me) return showSignIn();
  const workspaces = await get("workspaces/list");
  $("who").textContent = me.email;
  $("workspace").replaceChildren(...workspaces.map((each) => new Option(each.name, each.id)));
  const wanted = place().get("w");
  const chosen = workspaces.find((each) => each.id === wanted) ?? workspaces.find((each) => each.id !== "admins") ?? workspaces[0];
  $("sign-in").hidden = true;
  $("app").hidden = false;
  if (chosen) await openWorkspace(chosen.id);
}

// Scripts

$("workspace").addEventListener("change", (event) => {
  remember({ p: "", job: "" });
  openWorkspace(event.target.value);
});
$("filter").addEventListener("input", listScripts);

async function openWorkspace(id) {
  state.workspace = $("workspace").value = id;
  state.events?.close();
  remember({ w: id });
  state.scripts = await get(inWorkspace("scripts/list?per_page=200&without_description=false"));
  $("empty").hidden = state.scripts.length > 0;
  $("script").hidden = $("job").hidden = true;
  if (!state.scripts.length) $("teach").textContent = lesson((await get(inWorkspace("users/whoami"))).username);
  listScripts();
  const { p, job } = Object.fromEntries(place());
  const first = state.scripts.find((each) => each.path === p) ?? state.scripts[0];
  if (first) await openScript(first.path);
  if (job) watch(job);
  await listRuns();
}

function listScripts() {
  const wanted = $("filter").value.toLowerCase();
  const found = state.scripts.filter((each) => `${each.path} ${each.summary}`.toLowerCase().includes(wanted));
  $("scripts").replaceChildren(...found.map((each) => {
    const button = element("button", { type: "button", onclick: () => { remember({ job: "" }); $("job").hidden = true; openScript(each.path); } },
      element("span", { textContent: each.summary || each.path.split("/").pop() }), element("small", { textContent: each.path }));
    if (each.path === state.script?.path) button.setAttribute("aria-current", "true");
    return element("li", {}, button);
  }));
}

async function openScript(path) {
  const script = state.script = await get(inWorkspace(`scripts/get/p/${inUrl(path)}`));
  remember({ p: path });
  $("title").textContent = script.summary || path.split("/").pop();
  $("path").textContent = `${path}   ${script.language}`;
  $("description").textContent = script.description;
  $("source").textContent = script.content;
  const { properties = {}, order, required = [] } = script.schema ?? {};
  $("fields").replaceChildren(...(order ?? Object.keys(properties)).filter((name) => properties[name])
    .map((name) => field(name, properties[name], required.includes(name))));
  $("arguments").querySelector(".error").textContent = "";
  $("script").hidden = false;
  listScripts();
}

// The form: one field for each argument. Numbers and JSON go out as they were typed, so that nothing is rounded.

function field(name, schema, required) {
  const { input, read } = control(schema, required);
  input.id = `argument-${name}`;
  const label = element("label", { htmlFor: input.id }, name, required ? " *" : "", " ", element("small", { textContent: schema.description || kindOf(schema) }), " ", input);
  label.argument = { name, read };
  return label;
}

const kindOf = (schema) => schema.format || (schema.enum ? "" : [schema.type].flat().join(" or "));

function control(schema, required) {
  const start = schema.default;
  if (schema.enum) {
    const options = schema.enum.map((each) => new Option(each, JSON.stringify(each), false, each === start));
    const input = element("select", { required }, ...(required ? [] : [new Option("", "")]), ...options);
    return { input, read: () => input.value };
  }
  if (schema.type === "boolean") {
    const input = element("input", { type: "checkbox", checked: start === true });
    return { input, read: () => String(input.checked) };
  }
  if (schema.type === "string") {
    const input = element("input", { type: schema.password ? "password" : "text", required, value: start ?? "", autocomplete: "off" });
    return { input, read: () => (input.value || start !== undefined || required ? JSON.stringify(input.value) : "") };
  }
  const isNumber = schema.type === "integer" || schema.type === "number";
  const text = start === undefined || start === null ? "" : JSON.stringify(start, null, isNumber ? 0 : 2);
  const input = isNumber ? element("input", { inputMode: "decimal", required, value: text }) : element("textarea", { required, value: text, spellcheck: false });
  return { input, read: () => checkedJson(input.value.trim()) };
}

function checkedJson(text) {
  if (text) JSON.parse(text);
  return text;
}

function argumentsBody() {
  const members = [];
  for (const label of $("fields").children) {
    const { name, read } = label.argument;
    try {
      const text = read();
      if (text) members.push(`${JSON.stringify(name)}:${text}`);
    } catch {
      throw new Error(`${name} is not JSON.`);
    }
  }
  return `{${members.join(",")}}`;
}

$("arguments").addEventListener("submit", async (event) => {
  event.preventDefault();
  const error = event.target.querySelector(".error");
  error.textContent = "";
  try {
    watch(await post(inWorkspace(`jobs/run/p/${inUrl(state.script.path)}`), argumentsBody()));
  } catch (problem) {
    error.textContent = problem.message;
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("script").hidden) $("arguments").requestSubmit();
});

// One run, live

function watch(id) {
  state.events?.close();
  state.job = id;
  remember({ job: id });
  $("job").hidden = false;
  $("log").textContent = $("result").textContent = "";
  $("progress").hidden = true;
  setState("waiting", "busy");
  $("cancel").hidden = false;
  const events = state.events = new EventSource(`/api/${inWorkspace(`jobs_u/getupdate_sse/${id}`)}`);
  events.onmessage = async (event) => {
    const update = JSON.parse(event.data);
    if (update.type === "not_found" || update.type === "error") {
      events.close();
      $("cancel").hidden = true;
      return setState(update.error ?? "not there any more", "bad");
    }
    if (update.type !== "update") return;
    addLog(update.new_logs ?? "");
    if (update.progress !== undefined) Object.assign($("progress"), { hidden: false, value: update.progress });
    if (update.running && !update.completed) setState("running", "busy");
    if (!update.completed) return;
    events.close();
    $("cancel").hidden = true;
    update.success ? setState("success", "good") : setState("failure", "bad");
    const result = await call(inWorkspace(`jobs_u/completed/get_result/${id}`)).catch((problem) => problem.message);
    if (state.job === id) $("result").textContent = indented(result);
    listRuns();
  };
  listRuns();
}

function setState(text, kind) {
  Object.assign($("state"), { textContent: text, className: `badge ${kind}` });
}

function addLog(text) {
  const log = $("log"), atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.append(text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, ""));
  if (log.textContent.length > MOST_LOG) log.textContent = `… (the whole log: tidemill run, or the API)\n${log.textContent.slice(-MOST_LOG / 2)}`;
  if (atEnd) log.scrollTop = log.scrollHeight;
}

$("cancel").addEventListener("click", () =>
  post(inWorkspace(`jobs_u/queue/cancel/${state.job}`), '{"reason":"cancelled on the start page"}').catch((problem) => setState(problem.message, "bad")));

// JSON text with line ends and blanks between its tokens: it is not parsed, so every digit stays as it is.
function indented(text) {
  let depth = 0, shown = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]\s*[\]}]|[^\s,:[\]{}"]+|[,:[\]{}]/g)) {
    if (/^[[{]$/.test(token)) { depth++; shown += token + line(); }
    else if (/^[\]}]$/.test(token)) { depth--; shown += line() + token; }
    else if (token === ",") shown += token + line();
    else shown += token === ":" ? ": " : token;
  }
  return shown || text;
}

// The last runs

async function listRuns() {
  const jobs = await get(inWorkspace(`jobs/list?per_page=${RUNS}`));
  $("no-runs").hidden = jobs.length > 0;
  $("runs").replaceChildren(...jobs.map((job) => {
    const [text, kind] = job.type === "QueuedJob" ? [job.running ? "running" : "waiting", "busy"]
      : job.canceled ? ["cancelled", "bad"] : job.success ? ["success", "good"] : ["failure", "bad"];
    const name = element("button", { type: "button", textContent: job.script_path ?? job.job_kind, onclick: () => reopen(job) });
    const took = job.duration_ms === undefined ? "" : job.duration_ms < 1000 ? `${job.duration_ms} ms` : `${(job.duration_ms / 1000).toFixed(1)} s`;
    return element("tr", {}, element("td", {}, element("span", { className: `badge ${kind}`, textContent: text })), element("td", {}, name),
      element("td", { textContent: job.created_by }), element("td", { textContent: new Date(job.started_at ?? job.created_at).toLocaleString() }),
      element("td", { className: "end", textContent: took }));
  }));
}

async function reopen(job) {
  if (job.script_path && state.scripts.some((each) => each.path === job.script_path)) await openScript(job.script_path);
  watch(job.id);
  $("job").scrollIntoView({ block: "nearest" });
}

function lesson(username) {
  const script = 'import wmill\n\ndef main():\n    runs = (wmill.get_state() or 0) + 1\n    wmill.set_state(runs)\n    return {"runs": runs}\n';
  const body = JSON.stringify({ path: `u/${username}/count`, language: "python3", summary: "Count", content: script });
  return `TOKEN=…   # tidemill token create <your e-mail>
curl -X POST ${location.origin}/api/w/${state.workspace}/scripts/create \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '${body}'
tidemill run u/${username}/count --workspace ${state.workspace}

# or from Python, after pip install wmill
export BASE_INTERNAL_URL=${location.origin} WM_TOKEN=$TOKEN WM_WORKSPACE=${state.workspace}
python -c 'import wmill; print(wmill.run_script_by_path("u/${username}/count"))'`;
}

start();
