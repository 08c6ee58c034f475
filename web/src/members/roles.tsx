/** What each role may do, in words; the server decides. */
import { cls } from "@/ui/class";

import type { Role } from "./queries";

const ROLES: { role: Role; may: string }[] = [
  { role: "admin", may: "Everything in this workspace: members, settings, all that is in it." },
  { role: "developer", may: "Writes and runs scripts and flows, resources and variables, folders and groups." },
  { role: "operator", may: "Runs what it may see. Reads no secret and changes nothing outside of a job." },
];

export function RoleField({ value, onChange, disabled }: { value: Role; onChange: (role: Role) => void; disabled?: boolean }) {
  return (
    <fieldset className="flex flex-col gap-1.5" disabled={disabled}>
      <legend className="mb-1 text-[13px] font-medium">Role</legend>
      {ROLES.map(({ role, may }) => (
        <label key={role} className={cls("flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2", value === role ? "border-accent bg-accent-soft" : "border-line hover:bg-sunken", disabled && "cursor-not-allowed opacity-70")}>
          <input type="radio" name="role" className="mt-1 accent-(--accent)" checked={value === role} onChange={() => onChange(role)} />
          <span>
            <span className="font-medium">{role}</span>
            <span className={cls("block text-[13px]", value === role ? "text-ink" : "text-muted")}>{may}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
