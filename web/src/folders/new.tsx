import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { sessionKeys } from "@/app/session";
import { Field, Input } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";

import { createFolder, folderKeys } from "./queries";

export function NewFolder({ workspace, onClose, then }: { workspace: string; onClose: () => void; then: (name: string) => void }) {
  const [name, setName] = useState("");
  const [summary, setSummary] = useState("");
  const queries = useQueryClient();
  const made = useMutation({
    mutationFn: () => createFolder(workspace, name, summary),
    meta: { quiet: true },
    onSuccess: async () => {
      await Promise.all([folderKeys.all(workspace), sessionKeys.member(workspace)].map((queryKey) => queries.invalidateQueries({ queryKey })));
      onClose();
      then(name);
    },
  });
  return (
    <FormDialog onClose={onClose} title="New folder" hint="You own it; who else may use what is in it, you say next." verb="Make it" sending={made}>
      <Field label="Name" hint="Paths begin with it: f/<name>/… It stays as it is.">
        {(given) => <Input {...given} required autoFocus className="font-mono" value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label="What is in it">{(given) => <Input {...given} value={summary} onChange={(event) => setSummary(event.target.value)} />}</Field>
    </FormDialog>
  );
}
