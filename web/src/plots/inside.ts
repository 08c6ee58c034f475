/**
 * Runs in a frame without an origin: draws the specification that the page hands in, and reaches nothing else.
 * Libraries are loaded when they are first needed, from this server only.
 */
import plotlyUrl from "plotly.js-strict-dist-min/plotly-strict.min.js?url";
import type { Config, Spec } from "vega";
import type { Config as LiteConfig, TopLevelSpec } from "vega-lite";

import type { Asked, Draw, Told } from "./messages";

interface Plotly {
  newPlot(element: Element, plot: object): Promise<unknown>;
  toImage(element: Element, options: { format: "svg" }): Promise<string>;
}

const box = document.getElementById("plot")!;
let picture: () => Promise<string> = async () => "";
let forget: () => void = () => undefined;

function tell(told: Told): void {
  parent.postMessage(told, "*"); // the page checks that it comes from this frame
}

/** Plotly is no module: it leaves itself in `window`. */
function load(url: string): Promise<void> {
  if (document.querySelector(`script[src="${url}"]`)) return Promise.resolve();
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => done();
    script.onerror = () => failed(new Error("The library that draws this plot could not be loaded from the server."));
    document.head.append(script);
  });
}

/** Calm colours that go with the page; what the specification says comes first. */
function vegaConfig(dark: boolean): LiteConfig {
  const ink = dark ? "#e6ebf0" : "#17202a";
  const line = dark ? "#3b4855" : "#c3cad2";
  return {
    background: "transparent",
    view: { stroke: "transparent" },
    axis: { labelColor: ink, titleColor: ink, domainColor: line, tickColor: line, gridColor: dark ? "#26303b" : "#e1e5e9" },
    legend: { labelColor: ink, titleColor: ink },
    title: { color: ink, subtitleColor: ink },
    style: { "guide-label": { fontSize: 12 }, "group-title": { fill: ink } },
  };
}

async function drawVega(spec: object, dark: boolean): Promise<void> {
  const [vega, vegaLite, { expressionInterpreter }] = await Promise.all([import("vega"), import("vega-lite"), import("vega-interpreter")]);
  const isLite = !("$schema" in spec && String(spec.$schema).includes("/vega/"));
  const wide = isLite && !("width" in spec) && ("mark" in spec || "layer" in spec) ? { ...spec, width: "container" } : spec;
  const whole = isLite ? vegaLite.compile(wide as TopLevelSpec, { config: vegaConfig(dark) }).spec : (spec as Spec);
  const runtime = vega.parse(whole, isLite ? {} : (vegaConfig(dark) as Config), { ast: true }); // expressions are interpreted, never compiled
  const view = new vega.View(runtime, { expr: expressionInterpreter, renderer: "svg", hover: true }).initialize(box);
  await view.runAsync();
  picture = () => view.toSVG();
  forget = () => view.finalize();
}

async function drawPlotly(spec: object, dark: boolean): Promise<void> {
  await load(plotlyUrl);
  const given = spec as { data: unknown; layout?: Record<string, unknown>; config?: object; frames?: unknown };
  const ink = dark ? "#e6ebf0" : "#17202a";
  const axis = { gridcolor: dark ? "#26303b" : "#e1e5e9", linecolor: dark ? "#3b4855" : "#c3cad2", zerolinecolor: dark ? "#3b4855" : "#c3cad2" };
  const layout = { template: { layout: { xaxis: axis, yaxis: axis } }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", font: { color: ink }, autosize: true, height: 420, ...given.layout };
  const config = { ...given.config, responsive: true, displaylogo: false, showSendToCloud: false };
  const { Plotly } = globalThis as unknown as { Plotly: Plotly };
  await Plotly.newPlot(box, { data: given.data, layout, config, frames: given.frames });
  picture = async () => decodeURIComponent((await Plotly.toImage(box, { format: "svg" })).replace(/^data:image\/svg\+xml,/, ""));
}

async function draw({ library, spec, dark }: Draw): Promise<void> {
  forget();
  forget = () => undefined;
  box.replaceChildren();
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  try {
    await (library === "vega" ? drawVega : drawPlotly)(spec as object, dark);
    tell({ kind: "drawn", height: Math.ceil(box.getBoundingClientRect().height) });
  } catch (fault) {
    tell({ kind: "failed", message: fault instanceof Error ? fault.message : String(fault) });
  }
}

addEventListener("message", (event: MessageEvent<Asked>) => {
  if (event.source !== parent) return;
  if (event.data.kind === "draw") void draw(event.data);
  else void picture().then((svg) => tell({ kind: "picture", svg }));
});
tell({ kind: "ready" });
