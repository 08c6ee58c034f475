import { cls } from "./class";

/** On or off; `label` is its name for screen readers. */
export function Switch({ label, on, onChange, disabled }: { label: string; on: boolean; onChange: (on: boolean) => void; disabled?: boolean }) {
  return (
    <button
      type="button"
      role="switch"
      aria-label={label}
      aria-checked={on}
      disabled={disabled}
      onClick={() => onChange(!on)}
      className={cls("inline-flex h-5 w-9 shrink-0 items-center rounded-full border p-0.5 transition-colors disabled:opacity-55", on ? "border-accent bg-accent" : "border-line-strong bg-sunken")}
    >
      <span className={cls("size-3.5 rounded-full transition-transform", on ? "translate-x-4 bg-accent-ink" : "bg-muted")} />
    </button>
  );
}
