/** What can be done with a flow of the list. */
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Archive, CalendarClock, Ellipsis, Pencil, Play } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";

import { IconButton } from "@/ui/button";
import { Confirm } from "@/ui/dialog";

import { flowKeys, setArchived } from "./queries";

const ITEM = "flex h-8 cursor-pointer items-center gap-2 rounded px-2 outline-none data-highlighted:bg-accent-soft";

export function RowMenu({ workspace, path }: { workspace: string; path: string }) {
  const [isAsking, setAsking] = useState(false);
  const queries = useQueryClient();
  const params = { workspace, _splat: path };
  return (
    <>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger asChild>
          <IconButton label={`More on ${path}`}>
            <Ellipsis size={16} aria-hidden />
          </IconButton>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content align="end" sideOffset={4} className="z-50 w-44 rounded-lg border border-line bg-panel p-1 shadow-xl">
            <DropdownMenu.Item asChild>
              <Link to="/w/$workspace/flows/p/$" params={params} className={ITEM}>
                <Play size={15} aria-hidden /> Run
              </Link>
            </DropdownMenu.Item>
            <DropdownMenu.Item asChild>
              <Link to="/w/$workspace/flows/edit/$" params={params} className={ITEM}>
                <Pencil size={15} aria-hidden /> Edit
              </Link>
            </DropdownMenu.Item>
            <DropdownMenu.Item asChild>
              <Link to="/w/$workspace/schedules/new" params={{ workspace }} search={{ target: `flow/${path}` }} className={ITEM}>
                <CalendarClock size={15} aria-hidden /> Schedule
              </Link>
            </DropdownMenu.Item>
            <DropdownMenu.Item onSelect={() => setAsking(true)} className={ITEM}>
              <Archive size={15} aria-hidden /> Archive
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <ArchiveConfirm open={isAsking} onClose={() => setAsking(false)} path={path} act={async () => {
        await setArchived(workspace, path, true);
        await queries.invalidateQueries({ queryKey: flowKeys.all(workspace) });
      }} />
    </>
  );
}

export function ArchiveConfirm({ open, onClose, path, act }: { open: boolean; onClose: () => void; path: string; act: () => Promise<unknown> }) {
  return (
    <Confirm open={open} onClose={onClose} title={`Archive ${path}?`} verb="Archive it" act={act}>
      It can no longer be run. Its versions and runs stay, and it can be brought back.
    </Confirm>
  );
}
