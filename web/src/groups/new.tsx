import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { NotSaved } from "@/ui/states";

import { createGroup, groupKeys } from "./queries";

export function NewGroup({ workspace, onClose, then }: { workspace: string; onClose: () => void; then: (name: string) => void }) {
  const [name, setName] = useState("");
  const [summary, setSummary] = useState("");
  const queries = useQueryClient();
  const made = useMutation({
    mutationFn: () => createGroup(workspace, name, summary),
    meta: { quiet: true },
    onSuccess: async () => {
      await Promise.all([groupKeys.all(workspace), ["owners", workspace]].map((queryKey) => queries.invalidateQueries({ queryKey })));
      onClose();
      then(name);
    },
  });
  return (
    <Dialog open onClose={onClose} title="New group">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          made.mutate();
        }}
      >
        <Field label="Name" hint="Folders and shares name it as g/<name>. It stays as it is.">
          {(given) => <Input {...given} required autoFocus className="font-mono" value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label="What it is for">{(given) => <Input {...given} value={summary} onChange={(event) => setSummary(event.target.value)} />}</Field>
        <NotSaved error={made.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={made.isPending}>
            Make it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
