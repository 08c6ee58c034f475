import { useQuery } from "@tanstack/react-query";
import type { SelectHTMLAttributes } from "react";

import { useWorkspace } from "@/app/workspace";
import { Select } from "@/ui/field";

import { targetsQuery } from "./queries";

interface TargetSelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, "value" | "onChange"> {
  value: string;
  onChange: (target: string) => void;
  /** What it says while nothing is chosen. */
  none: string;
}

/** A script or flow of the workspace, as `script/<path>` or `flow/<path>`. */
export function TargetSelect({ value, onChange, none, ...rest }: TargetSelectProps) {
  const found = useQuery(targetsQuery(useWorkspace()));
  const { scripts = [], flows = [] } = found.data ?? {};
  const isListed = !value || scripts.includes(value) || flows.includes(value);
  return (
    <>
      <Select {...rest} className="font-mono" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{none}</option>
        {!isListed && <option value={value}>{nameOf(value)}</option>}
        <Group label="Scripts" targets={scripts} />
        <Group label="Flows" targets={flows} />
      </Select>
      {found.error && <p className="text-[13px] text-bad">Could not load what there is: {found.error.message}</p>}
    </>
  );
}

function Group({ label, targets }: { label: string; targets: string[] }) {
  if (targets.length === 0) return null;
  return (
    <optgroup label={label}>
      {targets.map((each) => (
        <option key={each} value={each}>
          {nameOf(each)}
        </option>
      ))}
    </optgroup>
  );
}

function nameOf(target: string): string {
  return target.slice(target.indexOf("/") + 1);
}
