/** Several objects: uploaded together, or each by its address. */
import { Plus, Upload, X } from "lucide-react";
import { useRef, useState } from "react";

import { useWorkspace } from "@/app/workspace";
import { Button, IconButton } from "@/ui/button";
import { wordsOf } from "@/ui/states";

import { ObjectInput, send, type Pointer } from "./picker";

interface ObjectsInputProps {
  id: string;
  title: string;
  value: (Pointer | undefined)[] | undefined;
  onChange: (value: Pointer[]) => void;
  disabled?: boolean;
}

interface Row {
  id: string;
  at: Pointer | undefined;
}

const rowOf = (at?: Pointer): Row => ({ id: crypto.randomUUID(), at });

export function ObjectsInput({ id, title, value, onChange, disabled }: ObjectsInputProps) {
  const workspace = useWorkspace();
  const [rows, setRows] = useState<Row[]>(() => (value ?? []).map(rowOf));
  const [sent, setSent] = useState<number>();
  const [fault, setFault] = useState("");
  const input = useRef<HTMLInputElement>(null);
  function put(next: Row[]) {
    setRows(next);
    onChange(next.flatMap((each) => each.at ?? []));
  }
  async function take(files: File[]) {
    const added: Row[] = [];
    setFault("");
    try {
      for (const [index, file] of files.entries()) added.push(rowOf(await send(workspace, file, (share) => setSent((index + share) / files.length))));
    } catch (error) {
      setFault(wordsOf(error));
    } finally {
      setSent(undefined);
      put([...rows, ...added]);
      if (input.current) input.current.value = "";
    }
  }
  return (
    <div className="flex flex-col gap-2">
      {rows.map((each, index) => (
        <div key={each.id} className="flex items-start gap-1">
          <div className="min-w-0 flex-1">
            <ObjectInput id={`${id}-${each.id}`} label={`${title} ${index + 1}`} value={each.at} disabled={disabled} onChange={(at) => put(rows.map((row) => (row.id === each.id ? { ...row, at } : row)))} />
          </div>
          <IconButton label={`Remove ${title} ${index + 1}`} className="!h-8" disabled={disabled} onClick={() => put(rows.filter((row) => row.id !== each.id))}>
            <X size={14} aria-hidden />
          </IconButton>
        </div>
      ))}
      <div className="flex flex-wrap gap-2">
        <Button id={id} small icon={<Upload size={14} aria-hidden />} disabled={disabled} busy={sent !== undefined} onClick={() => input.current?.click()}>
          Upload files
        </Button>
        <Button small icon={<Plus size={14} aria-hidden />} disabled={disabled || sent !== undefined} onClick={() => put([...rows, rowOf()])}>
          Add an address
        </Button>
        <input ref={input} type="file" multiple className="hidden" aria-hidden data-testid={`${id}-files`} onChange={(event) => void take([...(event.target.files ?? [])])} />
      </div>
      {sent !== undefined && <progress aria-label="Sent" value={sent} className="w-full accent-(--accent)" />}
      {fault && (
        <p role="alert" className="text-[13px] text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}
