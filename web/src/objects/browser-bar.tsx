/** The bar above a storage: where one is, what is looked for, what is put there, what is done with what was chosen. */
import { Copy as CopyIcon, FolderUp, MoveRight, Search, Trash2, Upload } from "lucide-react";
import { useRef, useState } from "react";

import { addressOf, readAddress, type At } from "@/object/address";
import { chosen as chosenFiles, type Named } from "@/object/transfers";
import { Button, IconButton } from "@/ui/button";
import { Input } from "@/ui/field";

import type { Work } from "./bulk";

/** Where one is, as text: written anew, it leads elsewhere. */
export function AddressInput({ at, open }: { at: At; open: (at: At) => void }) {
  const [text, setText] = useState(addressOf(at));
  const found = readAddress(text);
  return (
    <form
      className="min-w-0 flex-1 basis-56"
      onSubmit={(event) => {
        event.preventDefault();
        if (found) open(found);
      }}
    >
      <Input aria-label="Address" aria-invalid={found ? undefined : true} title={found ? undefined : "An address begins with s3:// and the name of a storage, or s3:/// for the default one."} className="font-mono" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
    </form>
  );
}

export function SearchInput({ q, find }: { q: string | undefined; find: (text: string) => void }) {
  const [text, setText] = useState(q ?? "");
  return (
    <form
      role="search"
      className="flex w-52 items-center gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        find(text.trim());
      }}
    >
      <Input type="search" aria-label="Search below here" placeholder="Search below here" value={text} onChange={(event) => setText(event.target.value)} />
      <IconButton type="submit" label="Search">
        <Search size={15} aria-hidden />
      </IconButton>
    </form>
  );
}

export function UploadButtons({ put }: { put: (files: Named[]) => void }) {
  return (
    <>
      <UploadButton isFolder put={put} />
      <UploadButton isFolder={false} put={put} />
    </>
  );
}

function UploadButton({ isFolder, put }: { isFolder: boolean; put: (files: Named[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const Icon = isFolder ? FolderUp : Upload;
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        className="hidden"
        aria-hidden
        data-testid={isFolder ? "folder-input" : "files-input"}
        {...(isFolder ? { webkitdirectory: "" } : {})}
        onChange={(event) => {
          put(chosenFiles(event.target.files!));
          event.target.value = "";
        }}
      />
      <Button look={isFolder ? "plain" : "primary"} icon={<Icon size={15} aria-hidden />} onClick={() => input.current?.click()}>
        {isFolder ? "Upload a folder" : "Upload"}
      </Button>
    </>
  );
}

export function ChosenBar({ count, act, clear }: { count: number; act: (work: Work) => void; clear: () => void }) {
  return (
    <div role="toolbar" aria-label="With what is chosen" className="flex flex-wrap items-center gap-2 border-b border-line bg-accent-soft px-3 py-1">
      <span className="flex-1 text-[13px] font-medium">{count} chosen</span>
      <Button small icon={<MoveRight size={14} aria-hidden />} onClick={() => act("move")}>
        Move
      </Button>
      <Button small icon={<CopyIcon size={14} aria-hidden />} onClick={() => act("copy")}>
        Copy
      </Button>
      <Button small icon={<Trash2 size={14} aria-hidden />} onClick={() => act("delete")}>
        Delete
      </Button>
      <Button small look="quiet" onClick={clear}>
        Choose none
      </Button>
    </div>
  );
}
