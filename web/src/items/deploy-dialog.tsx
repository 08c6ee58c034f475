/** What is asked before a version is deployed, and what is said where somebody else was faster. */
import type { ReactNode } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { Failure } from "@/ui/states";

interface DeployDialogProps {
  open: boolean;
  onClose: () => void;
  /** What it is: "flow" or "script". */
  what: string;
  hint: string;
  /** The path, and what is to be said of it. */
  children: ReactNode;
  summary: string;
  onSummary: (summary: string) => void;
  message: string;
  onMessage: (message: string) => void;
  error: unknown;
  /** Somebody deployed another version since this one was begun. */
  isOutrun: boolean;
  busy: boolean;
  /** `isOnTop`: also where it was outrun. */
  deploy: (isOnTop: boolean) => void;
}

export function DeployDialog({ open, onClose, what, hint, children, summary, onSummary, message, onMessage, error, isOutrun, busy, deploy }: DeployDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title="Deploy a version" hint={hint}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          deploy(false);
        }}
      >
        {children}
        <Field label="Summary">{(given) => <Input {...given} value={summary} onChange={(event) => onSummary(event.target.value)} />}</Field>
        <Field label="What has changed">{(given) => <Input {...given} value={message} placeholder="For the list of versions" onChange={(event) => onMessage(event.target.value)} />}</Field>
        {isOutrun ? (
          <div role="alert" className="rounded-md border border-warn/40 bg-warn-soft p-3">
            <p className="font-medium">Somebody deployed another version meanwhile.</p>
            <p>Look at it on the page of the {what}, under Versions. If you deploy yours, it is the newest, and theirs stays in the list.</p>
            <Button small className="mt-2" busy={busy} onClick={() => deploy(true)}>
              Deploy mine all the same
            </Button>
          </div>
        ) : (
          error !== null && <Failure error={error} what="It was not deployed" />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={busy}>
            Deploy
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
