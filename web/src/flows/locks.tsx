/** Whether the scripts that stand in a flow have their packages pinned: nothing is said where they have. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { deploymentQuery } from "./queries";

export function Locks({ workspace, path, version }: { workspace: string; path: string; version: number }) {
  const { data: told } = useQuery(deploymentQuery(workspace, path, version));
  if (!told?.job_id) return null;
  const job = (
    <Link to="/w/$workspace/runs/$id" params={{ workspace, id: told.job_id }} className="text-accent underline">
      The job
    </Link>
  );
  return told.lock_error_logs ? (
    <div role="alert" className="mx-4 mb-3 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 lg:mx-6">
      <p className="font-medium text-bad">Its packages could not be pinned: those steps look for them at each run.</p>
      <pre className="mt-1 max-h-60 overflow-auto font-mono text-xs whitespace-pre-wrap">{told.lock_error_logs}</pre>
      <p className="mt-1">{job} tells more.</p>
    </div>
  ) : (
    <p role="status" className="mx-4 mb-3 text-muted lg:mx-6">
      The packages of its steps are being pinned. {job} does that; it can be run meanwhile.
    </p>
  );
}
