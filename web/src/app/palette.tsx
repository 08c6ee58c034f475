/** Ctrl K: search of everything, by keyboard alone. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Boxes, Code2, KeyRound, Settings, Workflow } from "lucide-react";
import { Dialog as Radix } from "radix-ui";

import { PLACES, SETTINGS } from "./navigation";
import { searchQuery } from "./queries";
import { memberQuery } from "./session";
import { useWorkspace } from "./workspace";

const ITEM = "flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 data-[selected=true]:bg-accent-soft";

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content aria-describedby={undefined} className="fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-panel shadow-xl">
          <Radix.Title className="sr-only">Search</Radix.Title>
          <Search onClose={onClose} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const workspace = useWorkspace();
  const found = useQuery(searchQuery(workspace));
  const member = useQuery(memberQuery(workspace));
  const navigate = useNavigate();
  function go(act: () => Promise<void>) {
    onClose();
    void act();
  }
  return (
    <Command label="Search" loop>
      <Command.Input autoFocus placeholder="Search pages, scripts, flows, resources and variables…" className="h-11 w-full border-b border-line bg-transparent px-4 outline-none placeholder:text-muted" />
      <Command.List className="max-h-[50vh] overflow-auto p-2 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted">
        <Command.Empty className="p-6 text-center text-muted">Nothing of that name.</Command.Empty>
        <Command.Group heading="Pages">
          {PLACES.map(({ label, to, icon: Icon }) => (
            <Command.Item key={to} value={`page ${label}`} className={ITEM} onSelect={() => go(() => navigate({ to, params: { workspace } }))}>
              <Icon size={16} aria-hidden /> {label}
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Settings">
          {SETTINGS.filter(({ who }) => !who || (who === "admin" ? member.data?.is_admin : member.data?.is_super_admin)).map(({ section, label }) => (
            <Command.Item key={section} value={`settings ${label}`} className={ITEM} onSelect={() => go(() => navigate({ to: "/w/$workspace/settings/$section", params: { workspace, section } }))}>
              <Settings size={16} aria-hidden /> {label}
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Scripts">
          {found.data?.scripts.map((each) => (
            <Command.Item key={each.path} value={`script ${each.path} ${each.summary}`} className={ITEM} onSelect={() => go(() => navigate({ to: "/w/$workspace/scripts/p/$", params: { workspace, _splat: each.path } }))}>
              <Code2 size={16} aria-hidden />
              <span className="truncate">{each.summary || each.path}</span>
              <span className="ml-auto truncate font-mono text-xs text-muted">{each.path}</span>
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Flows">
          {found.data?.flows.map((each) => (
            <Command.Item key={each.path} value={`flow ${each.path} ${each.summary}`} className={ITEM} onSelect={() => go(() => navigate({ to: "/w/$workspace/flows/p/$", params: { workspace, _splat: each.path } }))}>
              <Workflow size={16} aria-hidden />
              <span className="truncate">{each.summary || each.path}</span>
              <span className="ml-auto truncate font-mono text-xs text-muted">{each.path}</span>
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Resources">
          {found.data?.resources.map((each) => (
            <Command.Item key={each.path} value={`resource ${each.path} ${each.summary}`} className={ITEM} onSelect={() => go(() => navigate({ to: "/w/$workspace/resources/p/$", params: { workspace, _splat: each.path } }))}>
              <Boxes size={16} aria-hidden />
              <span className="truncate">{each.path}</span>
              <span className="ml-auto text-xs text-muted">{each.summary}</span>
            </Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Variables">
          {found.data?.variables.map((each) => (
            <Command.Item key={each.path} value={`variable ${each.path}`} className={ITEM} onSelect={() => go(() => navigate({ to: "/w/$workspace/variables/p/$", params: { workspace, _splat: each.path } }))}>
              <KeyRound size={16} aria-hidden />
              <span className="truncate">{each.path}</span>
              <span className="ml-auto text-xs text-muted">{each.summary}</span>
            </Command.Item>
          ))}
        </Command.Group>
      </Command.List>
    </Command>
  );
}
