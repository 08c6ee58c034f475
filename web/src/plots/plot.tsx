/** A plot from a specification of Vega-Lite, Vega or Plotly, drawn in a frame that can reach nothing. */
import { useEffect, useRef, useState } from "react";

import { useDark } from "@/app/theme";
import { Button } from "@/ui/button";
import { saveFile } from "@/ui/save-file";

import type { Asked, Library, Told } from "./messages";

const FIRST_HEIGHT = 320;
const MOST_HEIGHT = 1200;

export default function Plot({ library, spec, name }: { library: Library; spec: unknown; name: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const dark = useDark();
  const [ready, setReady] = useState(false);
  const [height, setHeight] = useState(FIRST_HEIGHT);
  const [fault, setFault] = useState("");
  const ask = (asked: Asked) => frame.current?.contentWindow?.postMessage(asked, "*"); // it has no origin to name
  useEffect(() => {
    function hear(event: MessageEvent<Told>) {
      if (event.source !== frame.current?.contentWindow) return;
      const told = event.data;
      if (told.kind === "ready") setReady(true);
      else if (told.kind === "drawn") setHeight(Math.max(80, Math.min(MOST_HEIGHT, told.height)));
      else if (told.kind === "failed") setFault(told.message);
      else saveFile(new Blob([told.svg], { type: "image/svg+xml" }), `${name}.svg`);
    }
    addEventListener("message", hear);
    return () => removeEventListener("message", hear);
  }, [name]);
  useEffect(() => {
    if (ready) ask({ kind: "draw", library, spec, dark });
  }, [ready, library, spec, dark]);
  return (
    <figure className="flex flex-col gap-2">
      {fault && (
        <p role="alert" className="rounded-md border border-bad/40 bg-bad-soft p-3 whitespace-pre-wrap">
          This {library === "vega" ? "Vega" : "Plotly"} specification cannot be drawn: {fault} Its JSON is what the script returned; mend it there.
        </p>
      )}
      <iframe ref={frame} title="Plot" src="/assets/plot.html" sandbox="allow-scripts" referrerPolicy="no-referrer" style={{ height }} className={fault ? "hidden" : "w-full rounded-md border border-line"} />
      {!fault && (
        <figcaption>
          <Button small look="quiet" onClick={() => ask({ kind: "picture" })}>
            SVG
          </Button>
        </figcaption>
      )}
    </figure>
  );
}
