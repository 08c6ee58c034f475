import type { ReactNode } from "react";

import { cls } from "./class";

export function Panel({ title, actions, children, className, flush }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string; flush?: boolean }) {
  return (
    <section className={cls("flex min-w-0 shrink-0 flex-col overflow-hidden rounded-lg border border-line bg-panel", className)}>
      {(title || actions) && (
        <header className="flex min-h-10 items-center gap-2 border-b border-line px-3 py-1.5">
          <h2 className="min-w-0 flex-1 truncate text-[13px] font-semibold">{title}</h2>
          {actions}
        </header>
      )}
      <div className={cls("min-h-0 flex-1", !flush && "p-3")}>{children}</div>
    </section>
  );
}

/** The head of a page: what it shows, and what can be done. */
export function PageHead({ title, hint, actions }: { title: ReactNode; hint?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 pt-4 pb-3 lg:px-6">
      <div className="min-w-0 flex-1 basis-60">
        <h1 className="truncate text-lg font-semibold">{title}</h1>
        {hint && <p className="text-[13px] text-muted">{hint}</p>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </div>
  );
}
