/** A token is as narrow as what it is for. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Field, Input, Select } from "@/ui/field";
import { FormDialog } from "@/ui/form-dialog";
import { Switch } from "@/ui/switch";

import { ExpiryField, IN_90_DAYS, momentOf } from "./expiry";
import { createToken, settingsKeys } from "./queries";
import { DOMAINS, pathsFault, scopesOf } from "./scopes";

const ACTIONS = ["read", "write", "run"] as const;

export function NewTokenDialog({ workspace, onClose, onMade }: { workspace: string; onClose: () => void; onMade: (token: string) => void }) {
  const queries = useQueryClient();
  const [label, setLabel] = useState("");
  const [expiry, setExpiry] = useState(IN_90_DAYS);
  const [isBound, setBound] = useState(true);
  const [isReadOnly, setReadOnly] = useState(false);
  const [isNarrow, setNarrow] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(["jobs:run", "jobs:read"]));
  const [paths, setPaths] = useState("");
  const scopes = scopesOf(chosen, paths);
  const fault = isNarrow ? pathsFault(paths) : "";
  const made = useMutation({
    mutationFn: () => createToken({ label, expiration: momentOf(expiry), scopes: isNarrow ? scopes : null, workspace_id: isBound ? workspace : null, read_only: isReadOnly }),
    meta: { quiet: true },
    onSuccess: async (token) => {
      await queries.invalidateQueries({ queryKey: settingsKeys.tokens });
      onMade(token);
      onClose();
    },
  });
  return (
    <FormDialog title="New token" hint="It acts as you, and never does more than you may." verb="Make it" onClose={onClose} sending={made} disabled={fault !== "" || (isNarrow && scopes.length === 0)} wide>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="What it is for">{(given) => <Input {...given} required autoFocus maxLength={200} placeholder="nightly import" value={label} onChange={(event) => setLabel(event.target.value)} />}</Field>
        <ExpiryField value={expiry} onChange={setExpiry} />
        <Field label="Where">
          {(given) => (
            <Select {...given} value={isBound ? "here" : "all"} onChange={(event) => setBound(event.target.value === "here")}>
              <option value="here">Only in {workspace}</option>
              <option value="all">In all my workspaces</option>
            </Select>
          )}
        </Field>
        <Field label="What">
          {(given) => (
            <Select {...given} value={isNarrow ? "some" : "all"} onChange={(event) => setNarrow(event.target.value === "some")}>
              <option value="all">All that I may</option>
              <option value="some">Only what is chosen</option>
            </Select>
          )}
        </Field>
      </div>
      <span className="flex items-center gap-2">
        <Switch label="Read only" on={isReadOnly} onChange={setReadOnly} /> Read only: it changes and runs nothing
      </span>
      {isNarrow && <Scopes chosen={chosen} onChosen={setChosen} paths={paths} onPaths={setPaths} fault={fault} />}
      {isNarrow && (
        <p className="text-[13px] break-words text-muted">
          {scopes.length === 0 ? "Choose at least one." : <code>{scopes.join("  ")}</code>}
        </p>
      )}
    </FormDialog>
  );
}

interface ScopesProps {
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  paths: string;
  onPaths: (text: string) => void;
  fault: string;
}

function Scopes({ chosen, onChosen, paths, onPaths, fault }: ScopesProps) {
  const turn = (scope: string) => onChosen(new Set(chosen.has(scope) ? [...chosen].filter((each) => each !== scope) : [...chosen, scope]));
  return (
    <>
      <div className="grid gap-x-6 rounded-md border border-line p-3 sm:grid-cols-2" role="group" aria-label="Scopes">
        {DOMAINS.map(({ name, label, actions }) => (
          <div key={name} className="flex items-center gap-3 py-0.5 text-[13px]">
            <span className="min-w-0 flex-1 truncate">{label}</span>
            {ACTIONS.map((action) =>
              actions.includes(action) ? (
                <label key={action} className="flex items-center gap-1">
                  <input type="checkbox" className="accent-(--accent)" aria-label={`${label}: ${action}`} checked={chosen.has(`${name}:${action}`)} onChange={() => turn(`${name}:${action}`)} />
                  {action}
                </label>
              ) : (
                action !== "run" && <span key={action} className="w-12" />
              ),
            )}
          </div>
        ))}
      </div>
      <Field label="Only at these paths" hint="Of runs, scripts, flows, schedules, variables and resources; all of them where it is empty. f/shop/* is everything in the folder." error={fault || undefined}>
        {(given) => <Input {...given} className="font-mono" placeholder="f/shop/*" value={paths} onChange={(event) => onPaths(event.target.value)} />}
      </Field>
    </>
  );
}
