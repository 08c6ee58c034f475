/** The packages that a version runs with, pinned when it was deployed. */
import { Copy } from "@/ui/copy";
import { Panel } from "@/ui/panel";

import { isLocking, type Version } from "./queries";

export function Lock({ script }: { script: Version }) {
  const { lock } = script;
  return (
    <Panel title="Lock" actions={lock && <Copy text={() => lock} label="Copy the lock" />} flush={Boolean(lock)}>
      {script.lock_error_logs ? (
        <div role="alert">
          <p className="font-medium text-bad">Its packages could not be found: it cannot run.</p>
          <pre className="mt-1 max-h-60 overflow-auto font-mono text-xs whitespace-pre-wrap">{script.lock_error_logs}</pre>
        </div>
      ) : isLocking(script) ? (
        <p role="status" className="text-muted">
          It is being made: a worker looks for the packages of this version.
        </p>
      ) : lock ? (
        <pre aria-label="Lock" tabIndex={0} className="max-h-60 overflow-auto px-3 py-2 font-mono text-xs">
          {lock}
        </pre>
      ) : (
        <p className="text-muted">It needs no packages.</p>
      )}
    </Panel>
  );
}
