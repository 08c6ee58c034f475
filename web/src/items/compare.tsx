/** What a version of something changed, against any other one. */
import { useState } from "react";

import { DiffView } from "@/editor";
import { Dialog } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { Failure, Loading } from "@/ui/states";

interface CompareProps<Id extends string | number> {
  /** The newest first. */
  versions: Id[];
  /** Which of them is looked at; at first against the one before it. */
  index: number;
  nameOf: (version: Id) => string;
  /** The text of a version; undefined while it is loaded. */
  useText: (version: Id) => { data: string | undefined; error: unknown };
  label: string;
  language: string;
  /** What is said where nothing differs. */
  same: string;
  onClose: () => void;
}

export function CompareVersions<Id extends string | number>({ versions, index, nameOf, useText, label, language, same, onClose }: CompareProps<Id>) {
  const after = versions[index]!;
  const others = versions.filter((each) => each !== after);
  const [before, setBefore] = useState(versions[index + 1]!);
  const one = useText(before);
  const other = useText(after);
  const error = one.error ?? other.error;
  return (
    <Dialog open onClose={onClose} wide title={`What version ${nameOf(after)} changed`}>
      <label className="mb-3 flex items-center gap-2 text-[13px]">
        Compared with version
        <Select className="!w-32 font-mono" value={String(before)} onChange={(event) => setBefore(others.find((each) => String(each) === event.target.value)!)}>
          {others.map((each) => (
            <option key={each} value={String(each)}>
              {nameOf(each)}
            </option>
          ))}
        </Select>
      </label>
      {error ? (
        <Failure error={error} what="Could not load the versions" />
      ) : one.data === undefined || other.data === undefined ? (
        <Loading what="the versions" />
      ) : one.data === other.data ? (
        <p className="text-muted">{same}</p>
      ) : (
        <div className="h-[60vh] rounded-md border border-line">
          <DiffView label={label} language={language} before={one.data} after={other.data} />
        </div>
      )}
    </Dialog>
  );
}
