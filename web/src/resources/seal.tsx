import { KeyRound } from "lucide-react";

/** Asks whether secrets that stand in a value are to be encrypted; nothing where there are none. */
export function SealChoice({ fields, seals, onSeals }: { fields: string[]; seals: boolean; onSeals: (seals: boolean) => void }) {
  if (fields.length === 0) return null;
  return (
    <label className="flex cursor-pointer items-start gap-2 rounded-lg border border-line bg-panel p-3">
      <input type="checkbox" className="mt-1 size-4 accent-(--accent)" checked={seals} onChange={(event) => onSeals(event.target.checked)} />
      <span>
        <span className="flex items-center gap-1.5 font-medium">
          <KeyRound size={14} aria-hidden /> Encrypt {fields.join(", ")}
        </span>
        <span className="text-[13px] text-muted">{seals ? "Saved as secret variables; the resource refers to them." : "They are stored as they stand here, for everybody who may read the resource."}</span>
      </span>
    </label>
  );
}
