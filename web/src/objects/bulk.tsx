/** Moving, copying and deleting what is chosen, with how far it is and what could not be done. */
import { useState, type ReactNode } from "react";

import { folderOf, movedKey, nameOf } from "@/object/address";
import { copyObject, deleteObjects, keysBelow, moveObject } from "@/object/queries";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { Failure, wordsOf } from "@/ui/states";

import { shownName } from "./queries";

export type Work = "move" | "copy" | "delete";

interface BulkProps {
  work: Work;
  workspace: string;
  storage: string;
  storages: string[];
  /** Keys, and prefixes of folders, which end with a slash. */
  chosen: string[];
  isFolder: (key: string) => boolean;
  onClose: () => void;
  onDone: () => void;
}

interface Progress {
  done: number;
  total: number;
  failures: string[];
  isOver: boolean;
}

const AT_ONCE = 4;
const TITLES: Record<Work, string> = { move: "Move", copy: "Copy", delete: "Delete" };

export function BulkDialog(props: BulkProps) {
  const { work, workspace, storage, chosen, isFolder, onClose, onDone } = props;
  const from = folderOf(chosen[0]!.replace(/\/$/, ""));
  const [target, setTarget] = useState({ storage, folder: from });
  const [typed, setTyped] = useState("");
  const [progress, setProgress] = useState<Progress>();
  const [error, setError] = useState<unknown>();
  const what = chosen.length === 1 ? nameOf(chosen[0]!) : `${chosen.length} things`;
  const word = chosen.length === 1 ? nameOf(chosen[0]!) : "delete";
  async function go() {
    setError(undefined);
    setProgress({ done: 0, total: 0, failures: [], isOver: false });
    try {
      const parts = await Promise.all(chosen.map((each) => (isFolder(each) ? keysBelow(workspace, storage, each) : [each])));
      const keys = parts.flat();
      await (work === "delete" ? removed(keys) : carried(keys));
    } catch (refusal) {
      setError(refusal);
      setProgress(undefined);
    }
    onDone();
  }
  async function removed(keys: string[]) {
    const last = await deleteObjects(workspace, storage, keys, (news) => setProgress({ done: news.deleted, total: keys.length, failures: [], isOver: false }));
    const failures = last.failures.map((each) => `${each.file_key}: ${each.message}`);
    setProgress({ done: last.deleted, total: keys.length, failures: last.done ? failures : [...failures, "It broke off before the end: what is left is still there."], isOver: true });
  }
  async function carried(keys: string[]) {
    const failures: string[] = [];
    const left = [...keys];
    let done = 0;
    async function carry() {
      for (let key = left.shift(); key !== undefined; key = left.shift()) {
        try {
          await (work === "move" ? moveObject : copyObject)(workspace, { storage, key }, { storage: target.storage, key: movedKey(key, from, target.folder) });
          done++;
        } catch (refusal) {
          failures.push(`${key}: ${wordsOf(refusal)}`);
        }
        setProgress({ done, total: keys.length, failures: [...failures], isOver: false });
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, carry));
    setProgress({ done, total: keys.length, failures, isOver: true });
  }
  return (
    <Dialog open onClose={onClose} title={`${TITLES[work]} ${what}`}>
      {progress ? (
        <Course progress={progress} work={work} onClose={onClose} />
      ) : (
        <form
          className="flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            void go();
          }}
        >
          {work === "delete" ? (
            <>
              <p>They are removed for good, folders with all that is in them. This cannot be undone.</p>
              <Field label={`Type ${word} to confirm`}>{(given) => <Input {...given} autoComplete="off" autoFocus value={typed} onChange={(event) => setTyped(event.target.value)} />}</Field>
            </>
          ) : (
            <>
              <Field label="Storage">
                {(given) => (
                  <Select {...given} value={target.storage} onChange={(event) => setTarget({ ...target, storage: event.target.value })}>
                    {props.storages.map((each) => (
                      <option key={each} value={each}>
                        {shownName(each)}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
              <Field label="Folder" hint="It need not be there yet. What has the same name already is left as it is, and named.">
                {(given) => <Input {...given} className="font-mono" placeholder="the top" value={target.folder} onChange={(event) => setTarget({ ...target, folder: event.target.value })} />}
              </Field>
            </>
          )}
          {error !== undefined && <Failure error={error} />}
          <Buttons onClose={onClose}>
            <Button type="submit" look={work === "delete" ? "danger" : "primary"} disabled={work === "delete" ? typed !== word : target.storage === storage && target.folder === from}>
              {TITLES[work]}
            </Button>
          </Buttons>
        </form>
      )}
    </Dialog>
  );
}

function Buttons({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <div className="flex justify-end gap-2">
      <Button onClick={onClose}>Not yet</Button>
      {children}
    </div>
  );
}

function Course({ progress: { done, total, failures, isOver }, work, onClose }: { progress: Progress; work: Work; onClose: () => void }) {
  return (
    <div className="flex flex-col gap-3" role="status">
      <progress aria-label="How far it is" className="w-full accent-(--accent)" value={done + failures.length} max={total || 1} />
      <p>
        {done.toLocaleString()} of {total.toLocaleString()} {isOver ? (work === "delete" ? "removed" : "done") : "so far"}
        {failures.length > 0 && `, ${failures.length.toLocaleString()} could not be`}.
      </p>
      {failures.length > 0 && <pre className="max-h-48 overflow-auto rounded-md bg-bad-soft p-2 text-xs whitespace-pre-wrap text-bad">{failures.slice(0, 200).join("\n")}</pre>}
      {isOver && (
        <div className="flex justify-end">
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        </div>
      )}
    </div>
  );
}
