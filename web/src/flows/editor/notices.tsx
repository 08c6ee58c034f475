/** That a draft was found, and the way back to what is deployed. */
import { Button } from "@/ui/button";
import { Ago } from "@/ui/time";

import type { useDraft } from "./drafting";

export function Notices({ draft, newest }: { draft: ReturnType<typeof useDraft>; newest: number | undefined }) {
  if (!draft.found) return null;
  const isBehind = newest !== undefined && draft.found.base !== newest;
  return (
    <p role="status" className="mx-4 mb-3 flex flex-wrap items-center gap-3 rounded-md border border-line bg-panel px-3 py-2 lg:mx-6">
      <span className="min-w-0 flex-1">
        This is your draft of <Ago at={draft.found.at} />, which is not deployed.
        {isBehind && ` It began with version ${draft.found.base}; ${newest} is the newest.`}
      </span>
      <Button small onClick={draft.discard}>
        {newest === undefined ? "Begin anew" : "Back to what is deployed"}
      </Button>
    </p>
  );
}
