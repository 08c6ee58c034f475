/** The four states of every view: loading, empty, error, full. */
import { CircleAlert, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";

import { ApiError } from "@/api/client";

import { Button } from "./button";

export function Loading({ what }: { what: string }) {
  return (
    <div role="status" className="flex items-center gap-2 p-6 text-muted">
      <LoaderCircle size={16} className="animate-spin" aria-hidden /> Loading {what}…
    </div>
  );
}

export function Empty({ icon, title, children, action }: { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-2 px-6 py-14 text-center">
      {icon && <div className="text-muted">{icon}</div>}
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="text-muted">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong, in the server's own words, with its code for a search in the docs. */
export function Failure({ error, again, what }: { error: unknown; again?: () => void; what?: string }) {
  const code = error instanceof ApiError ? error.code : "";
  return (
    <div role="alert" className="m-4 flex items-start gap-3 rounded-lg border border-bad/40 bg-bad-soft p-4">
      <CircleAlert size={18} className="mt-0.5 shrink-0 text-bad" aria-hidden />
      <div className="min-w-0 flex-1">
        {what && <p className="font-semibold">{what}</p>}
        <p className="break-words whitespace-pre-wrap">{wordsOf(error)}</p>
        {code && <p className="mt-1 font-mono text-xs text-muted">{code}</p>}
      </div>
      {again && (
        <Button small onClick={again}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Why a form was not saved, in a column of it; nothing without an error. */
export function NotSaved({ error, title = "It was not saved" }: { error: unknown; title?: string }) {
  if (error === null || error === undefined) return null;
  return (
    <div className="-m-4">
      <Failure error={error} what={title} />
    </div>
  );
}

interface Query<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** Shows what a query stands at; `children` gets the data once it is there. */
export function Shown<T>({ query, what, children }: { query: Query<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <Loading what={what} />;
  return <Failure error={query.error} what={`Could not load ${what}`} again={() => void query.refetch()} />;
}
