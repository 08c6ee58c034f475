/** The versions of an item: who made them, what they changed, and the way back. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { History as HistoryIcon } from "lucide-react";
import { useState } from "react";

import { show, write, type Json } from "@/results/shape";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { Confirm } from "@/ui/dialog";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { clearHistory, comparisonQuery, historyQuery, itemKeys, restore, versionQuery, type Kind, type Version } from "./queries";

const TONES: Record<string, Tone> = { create: "good", delete: "bad" };

export function History({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const history = useInfiniteQuery(historyQuery(workspace, kind, path));
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<number>();
  const [restoring, setRestoring] = useState<Version>();
  const [clearing, setClearing] = useState(false);
  async function refresh() {
    await queries.invalidateQueries({ queryKey: itemKeys.all(workspace, kind) });
  }
  return (
    <Shown query={history} what="the versions">
      {({ pages }) => {
        const versions: Version[] = pages.flatMap((page) => page.versions);
        if (versions.length === 0) return <Empty icon={<HistoryIcon size={24} aria-hidden />} title="No version yet" />;
        return (
          <>
            <ol aria-label="Versions">
              {versions.map((each, index) => (
                <li key={each.id} className="border-b border-line">
                  <div className={cls("flex items-center gap-2 px-3 py-1.5", chosen === each.id && "bg-sunken")}>
                    <button type="button" aria-expanded={chosen === each.id} className="flex min-w-0 flex-1 flex-wrap items-center gap-x-2 text-left" onClick={() => setChosen(chosen === each.id ? undefined : each.id)}>
                      <Badge tone={TONES[each.operation] ?? "neutral"}>{each.operation}</Badge>
                      <span className="min-w-0 truncate">{each.created_by}</span>
                      <span className="text-[13px] text-muted">
                        <Ago at={each.created_at} />
                      </span>
                      {index === 0 && each.operation !== "delete" && <Badge tone="accent">now</Badge>}
                    </button>
                    {each.job_id && (
                      <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.job_id }} className="text-[13px] text-accent hover:underline">
                        run
                      </Link>
                    )}
                    {(index > 0 || each.operation === "delete") && (
                      <Button small onClick={() => setRestoring(each)}>
                        Restore
                      </Button>
                    )}
                  </div>
                  {chosen === each.id && <Differences workspace={workspace} kind={kind} version={each} before={versions[index + 1]} />}
                </li>
              ))}
            </ol>
            <div className="flex flex-wrap gap-2 p-3">
              {history.hasNextPage && (
                <Button small busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
                  Older ones
                </Button>
              )}
              {versions.length > 1 && (
                <Button small look="quiet" onClick={() => setClearing(true)}>
                  Forget old versions…
                </Button>
              )}
            </div>
            <Confirm
              open={restoring !== undefined}
              onClose={() => setRestoring(undefined)}
              title={`Restore ${path}?`}
              verb="Restore it"
              look="primary"
              act={async () => {
                await restore(workspace, kind, restoring!.id);
                await refresh();
                toast("good", "The old value is the newest version now.");
              }}
            >
              Its value of then becomes a new version. The one of now stays in the history.
            </Confirm>
            <Confirm
              open={clearing}
              onClose={() => setClearing(false)}
              title="Forget the old versions?"
              verb="Forget them"
              typed={path}
              act={async () => {
                await clearHistory(workspace, kind, path);
                await refresh();
              }}
            >
              All versions but the newest are removed for good. Nobody can look at them or restore them any more.
            </Confirm>
          </>
        );
      }}
    </Shown>
  );
}

interface DifferencesProps {
  workspace: string;
  kind: Kind;
  version: Version;
  before: Version | undefined;
}

function Differences({ workspace, kind, version, before }: DifferencesProps) {
  if (!before || before.operation === "delete") return <WholeVersion workspace={workspace} kind={kind} version={version} />;
  return <Compared workspace={workspace} kind={kind} version={version} before={before} />;
}

function Compared({ workspace, kind, version, before }: DifferencesProps & { before: Version }) {
  const comparison = useQuery(comparisonQuery(workspace, kind, before.id, version.id));
  return (
    <Shown query={comparison} what="the differences">
      {({ is_changed, changes }) => (
        <div className="border-t border-line bg-sunken px-3 py-2 text-[13px]">
          {!is_changed && <p className="text-muted">The value is the same as before.</p>}
          {is_changed && changes.length === 0 && <p className="text-muted">Another secret value; it is shown to nobody.</p>}
          <ul className="flex flex-col gap-2">
            {changes.map((each) => (
              <li key={each.pointer}>
                <code className="text-xs text-muted">{each.pointer || "the whole value"}</code>
                <Line sign="−" tone="bg-bad-soft text-bad" value={each.old} />
                <Line sign="+" tone="bg-good-soft text-good" value={each.new} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </Shown>
  );
}

function Line({ sign, tone, value }: { sign: string; tone: string; value: Json | undefined }) {
  if (value === undefined) return null;
  return (
    <pre className={cls("overflow-auto rounded px-2 py-0.5 font-mono text-xs whitespace-pre-wrap", tone)}>
      {sign} {typeof value === "string" ? show(value) : write(value)}
    </pre>
  );
}

function WholeVersion({ workspace, kind, version }: Omit<DifferencesProps, "before">) {
  const text = useQuery(versionQuery(workspace, kind, version.id));
  return (
    <Shown query={text} what="the version">
      {(found) => <pre className="max-h-72 overflow-auto border-t border-line bg-sunken px-3 py-2 font-mono text-xs whitespace-pre-wrap">{found || "A secret: its value is shown to nobody here."}</pre>}
    </Shown>
  );
}
