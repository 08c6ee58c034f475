/** A member or a group, typed with help: `ann` is found as `u/ann`. */
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";

import { Input } from "@/ui/field";

import { ownersQuery } from "./queries";

interface OwnerFieldProps {
  workspace: string;
  label: string;
  value: string;
  onChange: (text: string) => void;
  /** Only members. */
  isMember?: boolean;
  /** Who is not asked for any more. */
  without?: readonly string[];
}

/** The permission key that a text stands for, or null where it is nobody's. */
export function ownerOf(text: string, known: readonly string[]): string | null {
  const typed = text.trim();
  return known.find((each) => each === typed) ?? known.find((each) => each.slice(2) === typed && each.startsWith("u/")) ?? known.find((each) => each.slice(2) === typed) ?? null;
}

/** Everybody who can be named, the ones in `without` left out. */
export function useOwners(workspace: string, { isMember = false, without = [] }: { isMember?: boolean; without?: readonly string[] } = {}): string[] {
  const owners = useQuery(ownersQuery(workspace));
  return (owners.data ?? []).filter((each) => (!isMember || each.startsWith("u/")) && !without.includes(each));
}

export function OwnerField({ workspace, label, value, onChange, isMember, without }: OwnerFieldProps) {
  const id = useId();
  const known = useOwners(workspace, { isMember, without });
  const isWrong = value.trim() !== "" && known.length > 0 && ownerOf(value, known) === null;
  return (
    <div className="min-w-36 flex-1">
      <Input
        aria-label={label}
        list={id}
        required
        autoComplete="off"
        spellCheck={false}
        className="font-mono"
        placeholder={isMember ? "username" : "u/… or g/…"}
        value={value}
        aria-invalid={isWrong || undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={id}>
        {known.map((each) => (
          <option key={each} value={isMember ? each.slice(2) : each} />
        ))}
      </datalist>
    </div>
  );
}
