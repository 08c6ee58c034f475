/** Stands for somebody in lists. */
export function Initials({ name }: { name: string }) {
  const parts = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = (parts.length > 1 ? parts[0]![0]! + parts[1]![0]! : name.slice(0, 2)).toUpperCase();
  return (
    <span aria-hidden className="flex size-8 shrink-0 items-center justify-center rounded-full bg-accent-soft text-xs font-semibold text-accent">
      {letters}
    </span>
  );
}
