/** Where a version runs, and as whom: what is asked of scripts and flows alike before they are deployed. */
import { useQuery } from "@tanstack/react-query";

import { memberQuery } from "@/app/session";
import { Field, Input, Select } from "@/ui/field";

export interface HowItRuns {
  tag?: string | undefined;
  /** `u/<username>`; without it a run acts for whoever starts it. */
  on_behalf_of?: string | undefined;
}

interface HowItRunsProps {
  workspace: string;
  value: HowItRuns;
  onChange: (value: HowItRuns) => void;
  /** As whom the version before ran. */
  before: string | undefined;
  /** Whose workers take it where it has no tag. */
  otherwise: string;
}

export function HowItRunsFields({ workspace, value, onChange, before, otherwise }: HowItRunsProps) {
  const member = useQuery(memberQuery(workspace));
  const own = member.data && `u/${member.data.username}`;
  const others = [...new Set([before, value.on_behalf_of])].filter((each) => each && each !== own);
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label="Tag" hint={`The workers that take it. Empty: those for ${otherwise}.`}>
        {(given) => <Input {...given} className="font-mono" value={value.tag ?? ""} onChange={(event) => onChange({ ...value, tag: event.target.value || undefined })} />}
      </Field>
      <Field label="Runs as" hint="Whose rights its runs have.">
        {(given) => (
          <Select {...given} value={value.on_behalf_of ?? ""} onChange={(event) => onChange({ ...value, on_behalf_of: event.target.value || undefined })}>
            <option value="">whoever starts it</option>
            {own && <option value={own}>{own}, which is you</option>}
            {others.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </Select>
        )}
      </Field>
    </div>
  );
}

/** What the server is to be told beside, so that it leaves the person as named. */
export const preserving = ({ on_behalf_of }: HowItRuns) => (on_behalf_of ? { preserve_on_behalf_of: true } : {});
