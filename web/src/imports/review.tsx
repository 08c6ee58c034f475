/** What is in it, what of that is to be imported, and what became of each. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { Shown, wordsOf } from "@/ui/states";
import { Table } from "@/ui/table";

import { KINDS, type Contents, type Item } from "./items";
import { bring, presentQuery } from "./queries";

const keyOf = (item: Item) => `${item.kind} ${item.path}`;
const PAGES: Partial<Record<Item["kind"], string>> = { variable: "variables/p/", resource: "resources/p/", script: "scripts/p/", flow: "flows/p/", schedule: "schedules/p/", folder: "folders/" };

interface ReviewProps {
  workspace: string;
  contents: Contents;
  again: () => void;
}

export function Review({ workspace, contents, again }: ReviewProps) {
  const present = useQuery(presentQuery(workspace));
  return (
    <Shown query={present} what="what is here already">
      {(found) => <Choosing workspace={workspace} contents={contents} present={found.items} owners={found.owners} again={again} />}
    </Shown>
  );
}

function Choosing({ workspace, contents, present, owners, again }: ReviewProps & { present: ReadonlySet<string>; owners: ReadonlySet<string> }) {
  const queries = useQueryClient();
  const [wasThere] = useState(present);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(contents.items.filter((each) => !each.fault && !present.has(keyOf(each))).map(keyOf)));
  const [keepsEnabled, setKeepsEnabled] = useState(false);
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, string>>(new Map());
  const [isRunning, setRunning] = useState(false);
  const wanted = contents.items.filter((each) => chosen.has(keyOf(each)) && outcomes.get(keyOf(each)) !== "");
  const failed = [...outcomes.values()].filter(Boolean).length;
  const done = outcomes.size - failed;
  async function run() {
    setRunning(true);
    for (const item of wanted) {
      const told = await bring(workspace, item, { isThere: wasThere.has(keyOf(item)), owners, keepsEnabled }).then(() => "", wordsOf);
      setOutcomes((before) => new Map(before).set(keyOf(item), told));
    }
    await queries.invalidateQueries();
    setRunning(false);
  }
  const turn = (keys: string[], on: boolean) => setChosen(new Set(on ? [...chosen, ...keys] : [...chosen].filter((each) => !keys.includes(each))));
  const there = contents.items.filter((each) => wasThere.has(keyOf(each)) && !each.fault).map(keyOf);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p role="status" className="min-w-0 grow basis-full sm:basis-0">
          {outcomes.size === 0 ? (
            <>
              <strong>{wanted.length}</strong> of {contents.items.length} will be imported.
            </>
          ) : (
            <>
              <strong>{done}</strong> imported{failed > 0 && <span className="text-bad">, {failed} not</span>}
              {isRunning && ` – ${wanted.length} to go`}
            </>
          )}
        </p>
        {there.length > 0 && (
          <label className="flex items-center gap-1.5 text-[13px]">
            <input type="checkbox" className="accent-(--accent)" checked={there.every((each) => chosen.has(each))} disabled={isRunning} onChange={(event) => turn(there, event.target.checked)} /> write over the {there.length} that {there.length === 1 ? "is" : "are"} here already
          </label>
        )}
        <label className="flex items-center gap-1.5 text-[13px]">
          <input type="checkbox" className="accent-(--accent)" checked={keepsEnabled} disabled={isRunning} onChange={(event) => setKeepsEnabled(event.target.checked)} /> switch schedules on
        </label>
        <Button onClick={again} disabled={isRunning}>
          Choose another
        </Button>
        <Button look="primary" busy={isRunning} disabled={wanted.length === 0} onClick={() => void run()}>
          {outcomes.size > 0 && failed > 0 ? "Try the rest again" : "Import"}
        </Button>
      </div>
      {KINDS.map((kind) => {
        const items = contents.items.filter((each) => each.kind === kind);
        return items.length === 0 ? null : (
          <Panel key={kind} title={`${kind[0]!.toUpperCase()}${kind.slice(1)}s (${items.length})`} flush>
            <Table label={`${kind}s`} heads={[<span key="choose" className="sr-only">Choose</span>, "Path", "Here", "Outcome"]}>
              {items.map((item) => {
                const key = keyOf(item);
                const outcome = outcomes.get(key);
                return (
                  <tr key={key}>
                    <td className="w-8">
                      <input type="checkbox" className="accent-(--accent)" aria-label={`Import ${key}`} disabled={item.fault !== "" || isRunning || outcome === ""} checked={chosen.has(key)} onChange={(event) => turn([key], event.target.checked)} />
                    </td>
                    <td className="w-[45%] font-mono text-[13px]">{outcome === "" && PAGES[kind] ? <a className="text-accent hover:underline" href={`/w/${workspace}/${PAGES[kind]}${item.path}`}>{item.path}</a> : item.path}</td>
                    <td className="w-24">{wasThere.has(key) ? <Badge tone="warn">is here</Badge> : <Badge>new</Badge>}</td>
                    <td className="min-w-48 text-[13px]">
                      {item.fault ? <span className="text-muted">{item.fault}</span> : outcome === undefined ? "" : outcome === "" ? <Badge tone="good">imported</Badge> : <span className="break-words text-bad">{outcome}</span>}
                    </td>
                  </tr>
                );
              })}
            </Table>
          </Panel>
        );
      })}
      {contents.left.length > 0 && (
        <Panel title={`Left out (${contents.left.length})`} flush>
          <Table label="Left out" heads={["File", "Why"]}>
            {contents.left.slice(0, 200).map((each) => (
              <tr key={each.file}>
                <td className="font-mono text-[13px]">{each.file}</td>
                <td className="min-w-48 text-[13px] text-muted">{each.why}</td>
              </tr>
            ))}
          </Table>
        </Panel>
      )}
      {done > 0 && !isRunning && (
        <p>
          <Link to="/w/$workspace" params={{ workspace }} className="text-accent hover:underline">
            Go to the start of {workspace}
          </Link>
        </p>
      )}
    </div>
  );
}
