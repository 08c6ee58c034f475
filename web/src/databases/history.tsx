/** What its reader ran on the database: searched, put back into the console, run again, forgotten. */
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Play, Trash2 } from "lucide-react";
import { useDeferredValue, useState } from "react";

import { Button, IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Input } from "@/ui/field";
import { Empty, Shown } from "@/ui/states";
import { Ago, duration } from "@/ui/time";

import { databaseKeys, forget, historyQuery, type Entry } from "./queries";

interface HistoryProps {
  workspace: string;
  resource: string;
  take: (content: string) => void;
  run: (content: string) => void;
}

export function History({ workspace, resource, take, run }: HistoryProps) {
  const [text, setText] = useState("");
  const [isForgetting, setForgetting] = useState(false);
  const wanted = useDeferredValue(text.trim());
  const entries = useInfiniteQuery({ ...historyQuery(workspace, resource, wanted), placeholderData: (before) => before });
  const queries = useQueryClient();
  const read = () => queries.invalidateQueries({ queryKey: databaseKeys.history(workspace, resource) });
  const forgotten = useMutation({ mutationFn: (id: number) => forget(workspace, resource, id), onSuccess: read });
  return (
    <aside aria-label="History" className="flex h-full min-h-0 flex-col">
      <div className="flex items-center gap-1 border-b border-line p-2">
        <Input type="search" aria-label="Search the history" placeholder="Search what you ran" value={text} onChange={(event) => setText(event.target.value)} />
        <Button small look="quiet" onClick={() => setForgetting(true)}>
          Forget all
        </Button>
      </div>
      <div className="min-h-0 flex-1 overflow-auto" tabIndex={0} role="region" aria-label="What was run">
        <Shown query={entries} what="the history">
          {({ pages }) => {
            const found = pages.flatMap((page) => page.entries);
            if (found.length === 0) return <Empty title={wanted ? "Nothing with these words" : "Nothing was run yet"}>Only you see what you ran. Arguments are not kept.</Empty>;
            return (
              <>
                <ul>
                  {found.map((each) => (
                    <Line key={each.id} entry={each} take={take} run={run} forget={() => forgotten.mutate(each.id)} />
                  ))}
                </ul>
                {entries.hasNextPage && (
                  <div className="p-2">
                    <Button small busy={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
                      Older ones
                    </Button>
                  </div>
                )}
              </>
            );
          }}
        </Shown>
      </div>
      <Confirm
        open={isForgetting}
        onClose={() => setForgetting(false)}
        title="Forget all that you ran here?"
        verb="Forget"
        act={async () => {
          await forget(workspace, resource);
          await read();
        }}
      >
        What you ran on {resource} leaves the history. The audit log keeps that you did.
      </Confirm>
    </aside>
  );
}

function Line({ entry, take, run, forget: forgetIt }: { entry: Entry; take: (content: string) => void; run: (content: string) => void; forget: () => void }) {
  return (
    <li className="border-b border-line px-3 py-2">
      <button type="button" aria-label={`Put into the console: ${entry.content.slice(0, 80)}`} className="block w-full text-left" onClick={() => take(entry.content)}>
        <code className="line-clamp-3 font-mono text-xs break-words whitespace-pre-wrap">{entry.content}</code>
      </button>
      <p className="mt-1 flex items-center gap-1.5 text-xs text-muted">
        <Ago at={entry.ran_at} /> · {duration(entry.duration_ms)}
        {entry.rows !== null && <span>
            · {entry.rows.toLocaleString()} {entry.rows === 1 ? "row" : "rows"}
          </span>}
        {entry.is_cut && <span>· beginning</span>}
        <span className="flex-1" />
        <IconButton label="Run again" className="!h-6" disabled={entry.is_cut} onClick={() => run(entry.content)}>
          <Play size={12} aria-hidden />
        </IconButton>
        <IconButton label="Forget this one" className="!h-6" onClick={forgetIt}>
          <Trash2 size={12} aria-hidden />
        </IconButton>
      </p>
      {entry.error && <p className="mt-1 line-clamp-2 text-xs break-words text-bad">{entry.error}</p>}
    </li>
  );
}
