import { Check, CircleAlert, Pause, Play, X } from "lucide-react";

import { Button, IconButton } from "@/ui/button";
import { Panel } from "@/ui/panel";
import { bytes } from "@/ui/time";

import { forget, forgetDone, goOn, stop, useTransfers, type Transfer } from "./transfers";

/** What is under way, and what came of it; nothing where nothing was uploaded. */
export function TransferPanel() {
  const transfers = useTransfers();
  if (transfers.length === 0) return null;
  const left = transfers.filter((each) => each.state !== "done").length;
  return (
    <Panel
      flush
      className="fixed right-4 bottom-4 z-30 w-96 max-w-[calc(100vw-2rem)] shadow-lg"
      title={left ? `Uploading: ${transfers.length - left} of ${transfers.length}` : `${transfers.length} uploaded`}
      actions={
        <Button small look="quiet" onClick={forgetDone}>
          Clear
        </Button>
      }
    >
      <ul aria-label="Uploads" className="max-h-64 overflow-auto">
        {transfers.map((each) => (
          <Line key={each.id} transfer={each} />
        ))}
      </ul>
    </Panel>
  );
}

function Line({ transfer }: { transfer: Transfer }) {
  const { id, state, file, sent, at, error } = transfer;
  return (
    <li className="border-b border-line px-3 py-1.5 last:border-0">
      <div className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate text-[13px]" title={at.key}>
          {at.key}
        </span>
        {state === "done" && <Check size={15} className="text-good" aria-label="Done" />}
        {state === "failed" && <CircleAlert size={15} className="text-bad" aria-label="Failed" />}
        {state === "sending" && (
          <IconButton label={`Pause ${at.key}`} onClick={() => stop(id)}>
            <Pause size={13} aria-hidden />
          </IconButton>
        )}
        {(state === "stopped" || state === "failed") && (
          <IconButton label={`Go on with ${at.key}`} onClick={() => goOn(id)}>
            <Play size={13} aria-hidden />
          </IconButton>
        )}
        {state !== "done" && (
          <IconButton label={`Leave out ${at.key}`} onClick={() => forget(id)}>
            <X size={13} aria-hidden />
          </IconButton>
        )}
      </div>
      {state === "asks" && (
        <div className="flex items-center gap-2 text-[13px] text-warn">
          <span className="flex-1">There is one of that name.</span>
          <Button small onClick={() => goOn(id, true)}>
            Replace it
          </Button>
        </div>
      )}
      {error && <p className="text-[13px] break-words text-bad">{error}</p>}
      {(state === "sending" || state === "stopped") && (
        <div className="flex items-center gap-2">
          <progress aria-label={`Sent of ${at.key}`} value={sent} max={file.size || 1} className="h-1.5 flex-1 accent-(--accent)" />
          <span className="text-xs text-muted">
            {bytes(sent)} of {bytes(file.size)}
          </span>
        </div>
      )}
    </li>
  );
}
