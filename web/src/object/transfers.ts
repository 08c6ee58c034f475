/** Uploads of this page: they go on while one looks at other pages, two at a time, and can be stopped and gone on with. */
import { useSyncExternalStore } from "react";

import { wordsOf } from "@/ui/states";

import { nameOf, type At } from "./address";
import { exists, upload } from "./queries";

export type TransferState = "waiting" | "asks" | "sending" | "stopped" | "failed" | "done";

export interface Transfer {
  id: number;
  workspace: string;
  at: At;
  file: File;
  sent: number;
  state: TransferState;
  error: string;
  /** Write over what is there. */
  replaces: boolean;
}

const AT_ONCE = 2;
let transfers: readonly Transfer[] = [];
let nextId = 1;
const stops = new Map<number, AbortController>();
const listeners = new Set<() => void>();
let onDone: (transfer: Transfer) => void = () => undefined;

/** What is to be done when an object has arrived. */
export function whenArrived(act: (transfer: Transfer) => void): void {
  onDone = act;
}

function set(now: readonly Transfer[]): void {
  transfers = now;
  listeners.forEach((tell) => tell());
}

function change(id: number, members: Partial<Transfer>): void {
  set(transfers.map((each) => (each.id === id ? { ...each, ...members } : each)));
}

export interface Named {
  /** The path below the folder that it was dropped in. */
  path: string;
  file: File;
}

export function add(workspace: string, storage: string, prefix: string, files: Named[]): void {
  const more = files.map(({ path, file }) => ({ id: nextId++, workspace, at: { storage, key: prefix + path }, file, sent: 0, state: "waiting" as const, error: "", replaces: false }));
  set([...transfers, ...more]);
  pump();
}

function pump(): void {
  const free = AT_ONCE - stops.size;
  transfers
    .filter((each) => each.state === "waiting")
    .slice(0, Math.max(0, free))
    .forEach((each) => void run(each));
}

async function run(transfer: Transfer): Promise<void> {
  const { id, workspace, at, file } = transfer;
  const stop = new AbortController();
  stops.set(id, stop);
  change(id, { state: "sending", error: "" });
  try {
    if (!transfer.replaces && (await exists(workspace, at))) return change(id, { state: "asks" });
    await upload({ workspace, at, file, signal: stop.signal, sent: (sent) => change(id, { sent }) });
    change(id, { state: "done", sent: file.size });
    onDone(transfer);
  } catch (error) {
    change(id, error instanceof DOMException && error.name === "AbortError" ? { state: "stopped" } : { state: "failed", error: wordsOf(error) });
  } finally {
    stops.delete(id);
    pump();
  }
}

export function stop(id: number): void {
  stops.get(id)?.abort();
}

/** Goes on with what was stopped or has failed; `replaces`: also where there is an object already. */
export function goOn(id: number, replaces = false): void {
  change(id, { state: "waiting", ...(replaces ? { replaces } : {}) });
  pump();
}

export function forget(id: number): void {
  stop(id);
  set(transfers.filter((each) => each.id !== id));
}

export function forgetDone(): void {
  set(transfers.filter((each) => each.state !== "done"));
}

export function useTransfers(): readonly Transfer[] {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => transfers,
  );
}

/** All files of what was dropped, folders with what is in them. */
export async function dropped(items: DataTransferItemList): Promise<Named[]> {
  const entries = [...items].map((each) => each.webkitGetAsEntry()).filter((each) => each !== null);
  const found = await Promise.all(entries.map((entry) => filesOf(entry, "")));
  return found.flat();
}

async function filesOf(entry: FileSystemEntry, folder: string): Promise<Named[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: folder + entry.name, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Named[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return found;
    for (const each of part) found.push(...(await filesOf(each, `${folder}${entry.name}/`)));
  }
}

/** The files of an input, with their paths where a folder was chosen. */
export function chosen(files: FileList): Named[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || nameOf(file.name), file }));
}
