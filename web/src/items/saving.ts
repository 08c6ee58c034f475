/** Saving over the version that was opened: whoever was faster is told of, and never written over. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { ApiError } from "@/api/client";
import { toast } from "@/ui/toast";

import { itemKeys, type Kind } from "./queries";

interface SavingProps<Item, Value> {
  workspace: string;
  kind: Kind;
  /** Gives the item as it is stored now. */
  load: () => Promise<Item>;
  act: (value: Value, version: number) => Promise<void>;
}

export function useSaving<Item, Value>({ workspace, kind, load, act }: SavingProps<Item, Value>) {
  const [theirs, setTheirs] = useState<Item>();
  const queries = useQueryClient();
  const saved = useMutation({
    mutationFn: ({ value, version }: { value: Value; version: number }) => act(value, version),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: itemKeys.all(workspace, kind) });
      toast("good", "Saved as a new version.");
    },
    onError: async (error) => {
      if (error instanceof ApiError && error.code === "version_mismatch") setTheirs(await load());
    },
  });
  return {
    save: (value: Value, version: number) => {
      setTheirs(undefined);
      saved.mutate({ value, version });
    },
    isPending: saved.isPending,
    error: theirs === undefined ? saved.error : null,
    theirs,
    forget: () => setTheirs(undefined),
  };
}

export type Saving<Item, Value> = ReturnType<typeof useSaving<Item, Value>>;
