/** Which runs are shown: kept in the URL. The rarer filters open on demand. */
import { SlidersHorizontal, X } from "lucide-react";
import { useState } from "react";

import type { RunsSearch } from "@/app/router";
import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { SettledInput } from "@/ui/settled-input";

export const STATES = ["queued", "running", "suspended", "success", "failure", "canceled", "skipped"] as const;

interface FiltersProps {
  search: RunsSearch;
  narrow: (change: Partial<RunsSearch>) => void;
  clear: () => void;
}

const RARE = ["worker", "tag", "schedule", "label", "args", "result", "from", "to"] as const;

/** Why what was typed is not what the server can compare with; "" where it is. */
function jsonFault(text: string | undefined): string | undefined {
  if (!text) return undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (fault) {
    return `Write JSON, such as {"city": "Leer"}: ${fault instanceof Error ? fault.message : String(fault)}`;
  }
}

export function Filters({ search, narrow, clear }: FiltersProps) {
  const [more, setMore] = useState(RARE.some((name) => search[name]));
  const set = (name: keyof RunsSearch) => (value: string) => narrow({ [name]: value });
  return (
    <div role="search" aria-label="Runs" className="flex flex-col gap-2 px-4 pb-3 lg:px-6">
      <div className="flex flex-wrap items-center gap-2">
        <SettledInput label="Path begins with" className="!w-56" value={search.path} set={set("path")} />
        <SettledInput label="Started by" className="!w-32" value={search.by} set={set("by")} />
        <Select aria-label="State" className="!w-32" value={search.state ?? ""} onChange={(event) => narrow({ state: event.target.value as RunsSearch["state"] })}>
          <option value="">All states</option>
          {STATES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </Select>
        <Select aria-label="Kind" className="!w-48" value={search.kind ?? ""} onChange={(event) => narrow({ kind: event.target.value as RunsSearch["kind"] })}>
          <option value="">Scripts and flows</option>
          <option value="scripts">Scripts</option>
          <option value="flows">Flows</option>
          <option value="dependencies">Locks at deploy</option>
          <option value="all">With steps of flows</option>
        </Select>
        <Button small look="quiet" aria-expanded={more} icon={<SlidersHorizontal size={14} aria-hidden />} onClick={() => setMore(!more)}>
          More filters
        </Button>
        {Object.keys(search).length > 0 && (
          <Button small look="quiet" icon={<X size={14} aria-hidden />} onClick={clear}>
            Clear
          </Button>
        )}
      </div>
      {more && (
        <div className="grid gap-2 sm:grid-cols-2 lg:grid-cols-4">
          {(["worker", "tag", "schedule", "label"] as const).map((name) => (
            <Field key={name} label={{ worker: "Worker", tag: "Tag", schedule: "Schedule", label: "Label" }[name]}>
              {(given) => <SettledInput {...given} value={search[name]} set={set(name)} />}
            </Field>
          ))}
          {(["args", "result"] as const).map((name) => (
            <Field key={name} label={name === "args" ? "Arguments contain" : "Result contains"} error={jsonFault(search[name])}>
              {(given) => <SettledInput {...given} placeholder='{"city": "Leer"}' className="font-mono" value={search[name]} set={set(name)} />}
            </Field>
          ))}
          {(["from", "to"] as const).map((name) => (
            <Field key={name} label={name === "from" ? "Created since" : "Created before"}>
              {(given) => <Input {...given} type="datetime-local" value={search[name] ?? ""} onChange={(event) => narrow({ [name]: event.target.value })} />}
            </Field>
          ))}
        </div>
      )}
    </div>
  );
}
