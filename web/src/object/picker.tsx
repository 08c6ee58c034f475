/** Picks an object: by its address, by looking through the storages, or by uploading one. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowUp, File, Folder, FolderSearch, Upload } from "lucide-react";
import { useRef, useState } from "react";

import { useWorkspace } from "@/app/workspace";
import { Button, IconButton } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Input, Select } from "@/ui/field";
import { VirtualList } from "@/ui/list";
import { Empty, Shown, wordsOf } from "@/ui/states";

import { addressOf, DEFAULT, folderOf, nameOf, readAddress, type At } from "./address";
import { folderQuery, storageNamesQuery, upload } from "./queries";

/** An object as scripts get it. */
export interface Pointer {
  s3: string;
  storage?: string;
}

const atOf = (pointer: Pointer): At => ({ storage: pointer.storage ?? DEFAULT, key: pointer.s3 });
const pointerOf = ({ storage, key }: At): Pointer => (storage === DEFAULT ? { s3: key } : { s3: key, storage });

interface ObjectInputProps {
  id: string;
  value: Pointer | undefined;
  onChange: (value: Pointer | undefined) => void;
  disabled?: boolean;
  /** Where no label stands beside it. */
  label?: string;
}

/** Uploads a file to a place of its own in the default storage. */
export async function send(workspace: string, file: File, sent: (share: number) => void): Promise<Pointer> {
  const at = { storage: DEFAULT, key: `windmill_uploads/${crypto.randomUUID()}/${file.name}` };
  await upload({ workspace, at, file, sent: (bytes) => sent(bytes / (file.size || 1)), signal: new AbortController().signal });
  return pointerOf(at);
}

export function ObjectInput({ id, value, onChange, disabled, label }: ObjectInputProps) {
  const workspace = useWorkspace();
  const [text, setText] = useState(() => (value ? addressOf(atOf(value)) : ""));
  const [isLooking, setLooking] = useState(false);
  const [sent, setSent] = useState<number>();
  const [fault, setFault] = useState("");
  const input = useRef<HTMLInputElement>(null);
  function put(at: At) {
    setText(addressOf(at));
    setFault("");
    onChange(pointerOf(at));
  }
  function type(now: string) {
    setText(now);
    const at = readAddress(now);
    const isRight = now === "" || (at !== null && at.key !== "");
    setFault(isRight ? "" : "An address is s3://<storage>/<key>, or s3:///<key> in the default storage.");
    onChange(at?.key ? pointerOf(at) : undefined);
  }
  async function take(file: File | undefined) {
    if (!file) return;
    setSent(0);
    try {
      put(atOf(await send(workspace, file, setSent)));
    } catch (error) {
      setFault(wordsOf(error));
    } finally {
      setSent(undefined);
    }
  }
  return (
    <div className="flex flex-col gap-1">
      <div className="flex gap-1">
        <Input id={id} className="font-mono" spellCheck={false} placeholder="s3:///folder/file.csv" value={text} disabled={disabled} aria-label={label} aria-invalid={fault ? true : undefined} data-fault={fault || undefined} aria-describedby={fault ? `${id}-fault` : undefined} onChange={(event) => type(event.target.value)} />
        <IconButton label="Look for an object" className="!h-8" disabled={disabled} onClick={() => setLooking(true)}>
          <FolderSearch size={15} aria-hidden />
        </IconButton>
        <IconButton label="Upload a file" className="!h-8" disabled={disabled} busy={sent !== undefined} onClick={() => input.current?.click()}>
          <Upload size={15} aria-hidden />
        </IconButton>
        <input ref={input} type="file" className="hidden" aria-hidden data-testid={`${id}-file`} onChange={(event) => void take(event.target.files?.[0])} />
      </div>
      {sent !== undefined && <progress aria-label="Sent" value={sent} className="w-full accent-(--accent)" />}
      {fault && (
        <p id={`${id}-fault`} className="text-[13px] text-bad">
          {fault}
        </p>
      )}
      {isLooking && (
        <Picker
          workspace={workspace}
          begun={value ? atOf(value) : { storage: DEFAULT, key: "" }}
          onClose={() => setLooking(false)}
          onPick={(at) => {
            put(at);
            setLooking(false);
          }}
        />
      )}
    </div>
  );
}

function Picker({ workspace, begun, onClose, onPick }: { workspace: string; begun: At; onClose: () => void; onPick: (at: At) => void }) {
  const [storage, setStorage] = useState(begun.storage);
  const [prefix, setPrefix] = useState(folderOf(begun.key));
  const names = useQuery(storageNamesQuery(workspace));
  const folder = useInfiniteQuery(folderQuery(workspace, storage, prefix));
  return (
    <Dialog open onClose={onClose} wide title="Pick an object">
      <div className="flex flex-col gap-2">
        <div className="flex items-center gap-2">
          <Select
            aria-label="Storage"
            className="!w-40"
            value={storage}
            onChange={(event) => {
              setStorage(event.target.value);
              setPrefix("");
            }}
          >
            {(names.data ?? [storage]).map((each) => (
              <option key={each} value={each}>
                {each === DEFAULT ? "default" : each}
              </option>
            ))}
          </Select>
          <Button small icon={<ArrowUp size={14} aria-hidden />} disabled={!prefix} onClick={() => setPrefix(folderOf(prefix.slice(0, -1)))}>
            Up
          </Button>
          <code className="min-w-0 flex-1 truncate text-[13px] text-muted">/{prefix}</code>
        </div>
        <div className="h-80 rounded-md border border-line">
          <Shown query={folder} what="the folder">
            {({ pages }) => {
              const entries = pages.flatMap((page) => [...page.folders.map((each) => ({ key: each.prefix, isFolder: true })), ...page.files.map((each) => ({ key: each.key, isFolder: false }))]);
              return entries.length === 0 ? (
                <Empty title="Nothing is here" />
              ) : (
                <VirtualList
                  items={entries}
                  label="Objects to pick"
                  height={34}
                  keyOf={(each) => each.key}
                  more={folder.hasNextPage && !folder.isFetchingNextPage ? () => void folder.fetchNextPage() : undefined}
                  open={(each) => (each.isFolder ? setPrefix(each.key) : onPick({ storage, key: each.key }))}
                  row={(each) => (
                    <span className="flex items-center gap-2 truncate">
                      {each.isFolder ? <Folder size={15} aria-hidden className="text-accent" /> : <File size={15} aria-hidden className="text-muted" />}
                      {nameOf(each.key)}
                    </span>
                  )}
                />
              );
            }}
          </Shown>
        </div>
      </div>
    </Dialog>
  );
}
