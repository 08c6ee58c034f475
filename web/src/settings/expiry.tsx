/** When something made here ends. */
import { Field, Input, Select } from "@/ui/field";

const DAYS: [string, string][] = [["7", "In 7 days"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"], ["", "Never"], ["on", "On a day…"]];

export interface Expiry {
  choice: string;
  day: string;
}

export const IN_90_DAYS: Expiry = { choice: "90", day: "" };

/** The moment, or null for never. */
export function momentOf({ choice, day }: Expiry, now = new Date()): string | null {
  if (choice === "") return null;
  if (choice === "on") return new Date(`${day}T23:59:59`).toISOString();
  return new Date(now.getTime() + Number(choice) * 86_400_000).toISOString();
}

export function ExpiryField({ value, onChange }: { value: Expiry; onChange: (expiry: Expiry) => void }) {
  const today = new Date().toISOString().slice(0, 10);
  return (
    <Field label="Ends" hint={value.choice === "" ? "Whoever finds it can use it for good: better give it an end." : undefined}>
      {(given) => (
        <div className="flex gap-2">
          <Select {...given} className="!w-40" value={value.choice} onChange={(event) => onChange({ ...value, choice: event.target.value })}>
            {DAYS.map(([choice, label]) => (
              <option key={choice} value={choice}>
                {label}
              </option>
            ))}
          </Select>
          {value.choice === "on" && <Input type="date" aria-label="Day" required min={today} className="!w-40" value={value.day} onChange={(event) => onChange({ ...value, day: event.target.value })} />}
        </div>
      )}
    </Field>
  );
}
