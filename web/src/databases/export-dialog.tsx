/** The rows that match into a file: on the reader's machine, or in workspace storage. */
import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { saveFile } from "@/ui/save-file";
import { Failure } from "@/ui/states";
import { bytes } from "@/ui/time";
import { toast } from "@/ui/toast";

import { exportRows, exportToStorage, type Asked, type Format, type Place } from "./queries";

const FORMATS: Record<Format, { label: string; ending: string }> = {
  csv: { label: "CSV", ending: "csv" },
  json: { label: "JSON Lines", ending: "jsonl" },
  parquet: { label: "Parquet", ending: "parquet" },
};

interface ExportDialogProps {
  workspace: string;
  resource: string;
  place: Place;
  asked: Asked;
  formats: readonly Format[];
  onClose: () => void;
}

export function ExportDialog({ workspace, resource, place, asked, formats: known, onClose }: ExportDialogProps) {
  const formats = (Object.keys(FORMATS) as Format[]).filter((each) => known.includes(each));
  const [format, setFormat] = useState<Format>(formats[0] ?? "csv");
  const [to, setTo] = useState<"file" | "storage">("file");
  const [key, setKey] = useState(`exports/${place.table}`);
  const [got, setGot] = useState(0);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const { ending } = FORMATS[format];
  const run = useMutation({
    meta: { quiet: true },
    mutationFn: async () => {
      if (to === "storage") {
        toast("good", `${await exportToStorage(workspace, resource, place, asked, format, `${key}.${ending}`)} is written.`);
        return;
      }
      stop.current = new AbortController();
      setGot(0);
      saveFile(await exportRows(workspace, resource, place, asked, { format, signal: stop.current.signal, got: setGot }), `${place.table}.${ending}`);
    },
    onSuccess: onClose,
  });
  const isSome = asked.conditions.length > 0 || asked.query !== "";
  return (
    <Dialog open onClose={onClose} title={`Export ${place.table}`} hint={isSome ? "The rows that match the conditions, in the order that is shown." : "All rows, in the order that is shown."}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <Field label="Format" {...(format === "csv" ? { hint: "Null is an empty field; an empty text stands in quotes." } : {})}>
          {(given) => (
            <Select {...given} value={format} onChange={(event) => setFormat(event.target.value as Format)}>
              {formats.map((each) => (
                <option key={each} value={each}>
                  {FORMATS[each].label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Where to">
          {(given) => (
            <Select {...given} value={to} onChange={(event) => setTo(event.target.value as "file" | "storage")}>
              <option value="file">This machine</option>
              <option value="storage">Workspace storage</option>
            </Select>
          )}
        </Field>
        {to === "storage" && (
          <Field label="Key" hint={`Behind it comes .${ending}. What is there is written over.`}>
            {(given) => <Input {...given} value={key} onChange={(event) => setKey(event.target.value)} />}
          </Field>
        )}
        {run.isPending && to === "file" && (
          <p role="status" className="text-[13px] text-muted tabular-nums">
            {bytes(got)} so far
          </p>
        )}
        {run.error && !(run.error instanceof DOMException) && <Failure error={run.error} what="It was not exported" />}
        <div className="flex justify-end gap-2">
          {run.isPending && to === "file" ? <Button onClick={() => stop.current?.abort()}>Stop</Button> : <Button onClick={onClose}>Not yet</Button>}
          <Button type="submit" look="primary" icon={<Download size={14} aria-hidden />} busy={run.isPending} disabled={to === "storage" && !key.trim()}>
            Export
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
