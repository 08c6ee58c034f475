/** What is shown beside a list: on narrow screens in its place. */
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { IconButton } from "./button";
import { cls } from "./class";
import { Failure } from "./states";

export function Split({ list, beside }: { list: ReactNode; beside?: ReactNode }) {
  return (
    <div className="flex min-h-0 flex-1 border-t border-line bg-panel">
      <div className={cls("@container min-w-0 flex-1", beside ? "hidden lg:block" : "")}>{list}</div>
      {beside}
    </div>
  );
}

export function Beside({ label, title, actions, onClose, children }: { label: string; title: ReactNode; actions?: ReactNode; onClose: () => void; children: ReactNode }) {
  return (
    <section aria-label={label} className="flex min-w-0 flex-1 flex-col border-line lg:max-w-md lg:border-l xl:max-w-lg">
      <header className="flex min-h-11 items-center gap-2 border-b border-line px-4 py-1.5">
        <h2 className="min-w-0 flex-1 truncate font-semibold">{title}</h2>
        {actions}
        <IconButton label="Close" onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1 overflow-auto">{children}</div>
    </section>
  );
}

/** A part of what is shown beside. */
export function Part({ title, hint, children }: { title: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2 border-b border-line p-4 last:border-0">
      <div>
        <h3 className="text-[13px] font-semibold">{title}</h3>
        {hint && <p className="text-[13px] text-muted">{hint}</p>}
      </div>
      {children}
    </section>
  );
}

/** In place of what is shown beside, where the address names what is not there. */
export function NotThere({ children }: { children: string }) {
  return (
    <div className="flex-1 lg:max-w-md lg:border-l lg:border-line">
      <Failure error={new Error(children)} />
    </div>
  );
}
