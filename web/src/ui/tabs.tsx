/** Several views of one thing, of which one is shown. */
import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { cls } from "./class";

export interface Tab<Id extends string> {
  id: Id;
  label: ReactNode;
  content: ReactNode;
}

export function Tabs<Id extends string>({ tabs, value, onChange, label, className }: { tabs: Tab<Id>[]; value: Id; onChange: (id: Id) => void; label: string; className?: string }) {
  return (
    <Radix.Root value={value} onValueChange={(id) => onChange(id as Id)} className={cls("flex min-w-0 flex-col rounded-lg border border-line bg-panel", className)}>
      <Radix.List aria-label={label} className="flex min-h-10 shrink-0 gap-1 overflow-x-auto border-b border-line px-2">
        {tabs.map((each) => (
          <Radix.Trigger
            key={each.id}
            value={each.id}
            className="-mb-px border-b-2 border-transparent px-2 text-[13px] font-medium whitespace-nowrap text-muted hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {each.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((each) => (
        <Radix.Content key={each.id} value={each.id} className="min-h-0 min-w-0 flex-1">
          {each.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
