import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Field, Input } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";

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
    <FormDialog onClose={onClose} title="New group" verb="Make it" sending={made}>
      <Field label="Name" hint="Folders and shares name it as g/<name>. It stays as it is.">
        {(given) => <Input {...given} required autoFocus className="font-mono" value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label="What it is for">{(given) => <Input {...given} value={summary} onChange={(event) => setSummary(event.target.value)} />}</Field>
    </FormDialog>
  );
}
