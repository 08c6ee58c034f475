/** When a schedule comes next, and what became of it when it came. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import type { Preview } from "@/cron/queries";
import { knowsZone, onClock } from "@/cron/words";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { Failure, Loading } from "@/ui/states";
import { exact, relative } from "@/ui/time";

import { occurrencesQuery } from "./queries";

const TONES: Record<string, Tone> = { success: "good", failure: "bad", canceled: "warn", missed: "bad", running: "accent", asking: "accent" };
const WORDS: Record<string, string> = { due: "next", asking: "to be decided" };

export function NextOccurrences({ preview, timezone, note }: { preview: Preview; timezone: string; note?: string }) {
  const zone = knowsZone(timezone) ? timezone : "UTC";
  const now = useNow();
  return (
    <Panel title={`Next occurrences, ${zone}`} flush>
      {note && <p className="border-b border-line bg-warn-soft px-3 py-2 text-[13px] text-warn">{note}</p>}
      {preview.error ? (
        <p className="p-3 text-muted">They are shown once pattern and time zone can be read.</p>
      ) : preview.data === undefined ? (
        <Loading what="the next occurrences" />
      ) : (
        <ol aria-label="Next occurrences">
          {preview.data.map((each) => (
            <li key={each} className="flex items-center gap-3 border-b border-line px-3 py-1.5 last:border-0">
              <time dateTime={each} title={exact(new Date(each))} className="flex-1 tabular-nums">
                {onClock(new Date(each), zone)}
              </time>
              <span className="text-[13px] text-muted">{new Date(each) > now && relative(new Date(each), now)}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 15_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function PastOccurrences({ workspace, path, timezone }: { workspace: string; path: string; timezone: string }) {
  const zone = knowsZone(timezone) ? timezone : "UTC";
  const found = useInfiniteQuery(occurrencesQuery(workspace, path));
  const rows = (found.data?.pages.flat() ?? []).filter((each) => each.state !== "due");
  return (
    <Panel title="What became of it" flush>
      {found.error && !found.data ? (
        <Failure error={found.error} what="Could not load its occurrences" again={() => void found.refetch()} />
      ) : found.isPending ? (
        <Loading what="its occurrences" />
      ) : rows.length === 0 ? (
        <p className="p-3 text-muted">It has not come yet.</p>
      ) : (
        <ul aria-label="Occurrences" tabIndex={0} className="max-h-96 overflow-auto">
          {rows.map((each) => (
            <li key={each.scheduled_for} className="border-b border-line px-3 py-1.5 last:border-0">
              <div className="flex items-center gap-3">
                <time dateTime={each.scheduled_for} title={exact(new Date(each.scheduled_for))} className="min-w-0 flex-1 truncate tabular-nums">
                  {onClock(new Date(each.scheduled_for), zone)}
                </time>
                <Badge tone={TONES[each.state] ?? "neutral"}>{WORDS[each.state] ?? each.state}</Badge>
                <span className="w-14 text-right">
                  {each.job_id && (
                    <Link to="/w/$workspace/runs/$id" params={{ workspace, id: each.job_id }} className="text-accent underline" aria-label={`Run of ${onClock(new Date(each.scheduled_for), zone)}`}>
                      Run
                    </Link>
                  )}
                </span>
              </div>
              {each.reason && <p className="text-[13px] break-words text-muted">{each.reason}</p>}
            </li>
          ))}
          {found.hasNextPage && (
            <li className="p-2">
              <Button small busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                Show older ones
              </Button>
            </li>
          )}
        </ul>
      )}
    </Panel>
  );
}
