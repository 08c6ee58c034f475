/** Where the workspace comes from: an archive, a folder, or a Windmill that runs. */
import { useMutation } from "@tanstack/react-query";
import { FileArchive, FolderOpen, Globe } from "lucide-react";
import { useRef, useState } from "react";

import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { NotSaved } from "@/ui/states";

import { unpack, type Files } from "./archive";
import { contentsOf, type Contents } from "./items";
import { fetchWindmill } from "./queries";

interface SourceProps {
  workspace: string;
  isAdmin: boolean;
  onContents: (contents: Contents) => void;
}

async function filesOf(list: FileList): Promise<Files> {
  const found = await Promise.all([...list].map(async (file) => [file.webkitRelativePath || file.name, new Uint8Array(await file.arrayBuffer())] as const));
  return new Map(found);
}

export function Source({ workspace, isAdmin, onContents }: SourceProps) {
  const archive = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [from, setFrom] = useState({ url: "", workspace: "", token: "" });
  const opened = useMutation({
    mutationFn: async (get: () => Promise<Files>) => {
      const contents = contentsOf(await get());
      if (contents.items.length === 0) throw new Error("There is nothing in it that is known here: no *.script.yaml, *.flow, *.resource.yaml, … Is it the folder that wmill sync pull wrote?");
      return contents;
    },
    meta: { quiet: true },
    onSuccess: onContents,
  });
  const set = (change: Partial<typeof from>) => setFrom({ ...from, ...change });
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-4 md:grid-cols-2">
        <Panel title="From files">
          <p className="mb-3 text-muted">
            The folder that <code>wmill sync pull</code> wrote, or an archive of it (zip, tar, tar.gz). It is read in this browser.
          </p>
          <div className="flex flex-wrap gap-2">
            <Button icon={<FolderOpen size={15} aria-hidden />} busy={opened.isPending} onClick={() => folder.current?.click()}>
              Choose the folder
            </Button>
            <Button icon={<FileArchive size={15} aria-hidden />} busy={opened.isPending} onClick={() => archive.current?.click()}>
              Choose an archive
            </Button>
          </div>
          <input
            ref={folder}
            type="file"
            multiple
            className="hidden"
            aria-hidden
            data-testid="folder-input"
            {...{ webkitdirectory: "" }}
            onChange={(event) => {
              const list = event.target.files!;
              opened.mutate(() => filesOf(list));
            }}
          />
          <input
            ref={archive}
            type="file"
            accept=".zip,.tar,.gz,.tgz"
            className="hidden"
            aria-hidden
            data-testid="archive-input"
            onChange={(event) => {
              const [file] = event.target.files!;
              event.target.value = "";
              if (file) opened.mutate(async () => unpack(new Uint8Array(await file.arrayBuffer())));
            }}
          />
        </Panel>
        <Panel title="From a running Windmill">
          {isAdmin ? (
            <form
              className="flex flex-col gap-3"
              onSubmit={(event) => {
                event.preventDefault();
                opened.mutate(async () => unpack(await fetchWindmill(workspace, from)));
              }}
            >
              <Field label="Its address">{(given) => <Input {...given} type="url" required placeholder="https://app.windmill.dev" value={from.url} onChange={(event) => set({ url: event.target.value })} />}</Field>
              <div className="grid grid-cols-2 gap-3">
                <Field label="Workspace there">{(given) => <Input {...given} required className="font-mono" value={from.workspace} onChange={(event) => set({ workspace: event.target.value })} />}</Field>
                <Field label="Token of an admin there">{(given) => <Input {...given} type="password" required autoComplete="off" value={from.token} onChange={(event) => set({ token: event.target.value })} />}</Field>
              </div>
              <p className="text-[13px] text-muted">This server fetches it, secrets too, and keeps the token nowhere. Nothing is changed there.</p>
              <div>
                <Button type="submit" look="primary" icon={<Globe size={15} aria-hidden />} busy={opened.isPending}>
                  Look into it
                </Button>
              </div>
            </form>
          ) : (
            <p className="text-muted">Admins of this workspace let the server fetch it. From files, everybody imports what they may write.</p>
          )}
        </Panel>
      </div>
      <NotSaved error={opened.error} title="It could not be opened" />
    </div>
  );
}
