/** The statements that steps come to, before they are run. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { Failure, Shown } from "@/ui/states";
import { toast } from "@/ui/toast";

import { isLosing } from "./definitions";
import { databaseKeys, define, type Step } from "./queries";

interface DefineReviewProps {
  workspace: string;
  resource: string;
  title: string;
  steps: readonly Step[];
  onClose: () => void;
  onApplied: () => void;
}

export function DefineReview({ workspace, resource, title, steps, onClose, onApplied }: DefineReviewProps) {
  const queries = useQueryClient();
  const [typed, setTyped] = useState("");
  const shown = useQuery({ queryKey: ["databases", workspace, resource, "definition", steps], gcTime: 0, retry: false, queryFn: () => define(workspace, resource, steps, true) });
  const applied = useMutation({
    mutationFn: () => define(workspace, resource, steps, false),
    meta: { quiet: true },
    onSettled: () => void queries.resetQueries({ queryKey: databaseKeys.all(workspace, resource) }), // some steps may have taken effect
    onSuccess: () => {
      toast("good", "It is done.");
      onApplied();
    },
  });
  const losing = steps.find(isLosing);
  const name = losing?.kind === "drop_column" ? losing.column : losing?.table;
  return (
    <Dialog open onClose={onClose} wide title={title} hint="This is what will be run. Nothing was sent to the database yet.">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          applied.mutate();
        }}
      >
        <Shown query={shown} what="the statements">
          {({ statements, atomic }) => (
            <>
              <ol aria-label="Statements" className="flex max-h-[45vh] flex-col gap-2 overflow-auto">
                {statements.map((each, index) => (
                  <li key={index} className="rounded-md bg-sunken p-2">
                    <pre className="overflow-auto font-mono text-xs whitespace-pre-wrap">{each}</pre>
                  </li>
                ))}
              </ol>
              {!atomic && statements.length > 1 && <p className="text-[13px] text-warn">This database takes back no definitions: if a step fails, those before it stay.</p>}
            </>
          )}
        </Shown>
        {losing && (
          <>
            <p className="rounded-md bg-bad-soft p-3 text-bad">What {name} holds is lost, and cannot be taken back.</p>
            <Field label={`Type ${name} to confirm`}>{(given) => <Input {...given} autoFocus autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />}</Field>
          </>
        )}
        {applied.error && <Failure error={applied.error} what="The database refused it" />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{losing ? "Keep it" : "Not yet"}</Button>
          <Button type="submit" look={losing ? "danger" : "primary"} disabled={!shown.data || (losing !== undefined && typed !== name)} busy={applied.isPending}>
            Apply
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
