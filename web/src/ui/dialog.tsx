import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useState, type ReactNode } from "react";

import { Button, IconButton, type Look } from "./button";
import { Field, Input } from "./field";
import { Failure } from "./states";

export function Dialog({ open, onClose, title, hint, children, wide }: { open: boolean; onClose: () => void; title: string; hint?: ReactNode; children: ReactNode; wide?: boolean }) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          className={`fixed top-[8vh] left-1/2 z-50 flex max-h-[84vh] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col rounded-lg border border-line bg-panel shadow-xl ${wide ? "max-w-3xl" : "max-w-lg"}`}
          {...(hint ? {} : { "aria-describedby": undefined })}
        >
          <header className="flex items-start gap-2 border-b border-line px-4 py-3">
            <div className="min-w-0 flex-1">
              <Radix.Title className="font-semibold">{title}</Radix.Title>
              {hint && <Radix.Description className="text-[13px] text-muted">{hint}</Radix.Description>}
            </div>
            <Radix.Close asChild>
              <IconButton label="Close">
                <X size={16} aria-hidden />
              </IconButton>
            </Radix.Close>
          </header>
          <div className="min-h-0 overflow-auto p-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** Asks before something that cannot be undone; the name is typed where `typed` is given. */
export function Confirm({ open, onClose, title, children, verb, typed, look = "danger", act }: { open: boolean; onClose: () => void; title: string; children: ReactNode; verb: string; typed?: string; look?: Look; act: () => Promise<unknown> }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function go() {
    setBusy(true);
    setError(undefined);
    try {
      await act();
      onClose();
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
      setText("");
    }
  }
  return (
    <Dialog open={open} onClose={onClose} title={title}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <div>{children}</div>
        {typed && (
          <Field label={`Type ${typed} to confirm`}>
            {(given) => <Input {...given} value={text} autoFocus autoComplete="off" onChange={(event) => setText(event.target.value)} />}
          </Field>
        )}
        {error !== undefined && <Failure error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{look === "danger" ? "Keep it" : "Not yet"}</Button>
          <Button type="submit" look={look} busy={busy} disabled={typed !== undefined && text !== typed}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
