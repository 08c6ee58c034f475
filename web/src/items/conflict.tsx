/** Somebody else was faster: both changes are put together, and what both changed is asked about. */
import { useState } from "react";

import { parse, write, type Json } from "@/results/shape";
import { Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { Dialog } from "@/ui/dialog";

import { merge, type Conflict, type Side } from "./json";
import type { ResourceItem } from "./queries";
import type { Saving } from "./saving";

interface ConflictDialogProps {
  /** What both began with, what stands here, and what is stored now. */
  base: Json;
  mine: Json;
  theirs: Json;
  by: string;
  onClose: () => void;
  onMerged: (value: Json) => void;
}

export function ConflictDialog({ base, mine, theirs, by, onClose, onMerged }: ConflictDialogProps) {
  const [choices, setChoices] = useState<Record<string, Side>>({});
  const { value, conflicts } = merge(base, mine, theirs, choices);
  const open = conflicts.filter((each) => choices[each.pointer] === undefined).length;
  return (
    <Dialog open onClose={onClose} wide title="It was changed meanwhile" hint={`${by} saved another version after you had opened it. Nothing of yours is lost.`}>
      <div className="flex flex-col gap-4">
        {conflicts.length === 0 && <p>Your change and theirs touch different members: both can stay.</p>}
        {conflicts.map((each) => (
          <Choice key={each.pointer} conflict={each} chosen={choices[each.pointer]} choose={(side) => setChoices({ ...choices, [each.pointer]: side })} />
        ))}
        <details open={conflicts.length === 0}>
          <summary className="text-[13px] text-muted">What will be saved</summary>
          <pre className="mt-1 max-h-60 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs">{write(value)}</pre>
        </details>
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button look="primary" disabled={open > 0} onClick={() => onMerged(value)}>
            {open > 0 ? `${open} to decide` : "Save both"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** The same for a resource that is edited as JSON; nothing while nobody was faster. */
export function ResourceConflict({ item, text, saving }: { item: ResourceItem; text: string; saving: Saving<ResourceItem, string> }) {
  const { theirs } = saving;
  if (theirs?.text === undefined || item.text === undefined) return null;
  return (
    <ConflictDialog
      base={parse(item.text)}
      mine={parse(text)}
      theirs={parse(theirs.text)}
      by={theirs.edited_by}
      onClose={saving.forget}
      onMerged={(merged) => saving.save(write(merged), theirs.version)}
    />
  );
}

function Choice({ conflict, chosen, choose }: { conflict: Conflict; chosen: Side | undefined; choose: (side: Side) => void }) {
  const sides: [Side, string, Json | undefined][] = [["mine", "Yours", conflict.mine], ["theirs", "Theirs", conflict.theirs]];
  return (
    <fieldset className="rounded-md border border-line p-3">
      <legend className="px-1 font-mono text-xs">{conflict.pointer || "the whole value"}</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {sides.map(([side, name, value]) => (
          <label key={side} className={cls("flex cursor-pointer items-start gap-2 rounded-md border p-2", chosen === side ? "border-accent bg-accent-soft" : "border-line")}>
            <input type="radio" className="mt-1 accent-(--accent)" checked={chosen === side} onChange={() => choose(side)} />
            <span className="min-w-0 flex-1">
              <span className="font-medium">{name}</span>
              <span className="block max-h-40 overflow-auto font-mono text-xs break-words whitespace-pre-wrap">{value === undefined ? "removed" : write(value)}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
