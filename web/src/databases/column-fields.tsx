/** The fields of one column: name, type, whether it may be null, default. */
import { useId } from "react";

import { Input } from "@/ui/field";

import { TYPES, type ColumnDraft } from "./definitions";

interface ColumnFieldsProps {
  language: string;
  column: ColumnDraft;
  onColumn: (column: ColumnDraft) => void;
  /** Said behind each label, where there are several columns. */
  of?: string;
}

export function ColumnFields({ language, column, onColumn, of = "" }: ColumnFieldsProps) {
  const id = useId();
  const set = (part: Partial<ColumnDraft>) => onColumn({ ...column, ...part });
  return (
    <div className="grid min-w-0 flex-1 grid-cols-2 items-center gap-2 sm:grid-cols-[1fr_1fr_1fr_auto]">
      <Input aria-label={`Name${of}`} placeholder="name" value={column.name} onChange={(event) => set({ name: event.target.value })} />
      <Input aria-label={`Type${of}`} placeholder="type" list={`${id}-types`} className="font-mono" value={column.type} onChange={(event) => set({ type: event.target.value })} />
      <datalist id={`${id}-types`}>
        {(TYPES[language] ?? []).map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <Input aria-label={`Default${of}`} placeholder="default (SQL)" className="font-mono" value={column.default} onChange={(event) => set({ default: event.target.value })} />
      <label className="flex items-center gap-1.5 text-[13px]">
        <input type="checkbox" aria-label={`May be null${of}`} className="accent-(--accent)" checked={column.nullable} onChange={(event) => set({ nullable: event.target.checked })} /> null
      </label>
    </div>
  );
}
