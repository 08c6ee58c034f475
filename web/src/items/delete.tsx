import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";

import { itemKeys, remove, type Kind } from "./queries";

/** Asks first; the history stays, so that nothing needs to be typed. `effect` says what will happen. */
export function DeleteButton({ workspace, kind, path, effect, then }: { workspace: string; kind: Kind; path: string; effect: string; then: () => Promise<void> }) {
  const [isAsking, setAsking] = useState(false);
  const queries = useQueryClient();
  async function act() {
    await remove(workspace, kind, path);
    queries.removeQueries({ queryKey: itemKeys.one(workspace, kind, path) });
    await queries.invalidateQueries({ queryKey: itemKeys.all(workspace, kind) });
    await then();
  }
  return (
    <>
      <Button icon={<Trash2 size={15} aria-hidden />} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <Confirm open={isAsking} onClose={() => setAsking(false)} title={`Delete ${path}?`} verb="Delete it" act={act}>
        {effect} Its history stays: at the same address it can be restored.
      </Confirm>
    </>
  );
}
