/** Settings: one's own, the workspace's, the instance's; which part is shown stands in the address. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { memberQuery, whoQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";

import { AccessKeys } from "./access-keys";
import { OwnAccount } from "./account";
import { Accounts } from "./accounts";
import { InstanceSettings } from "./instance";
import { Tokens } from "./tokens";
import { WorkspaceSettings } from "./workspace";
import { Workspaces } from "./workspaces";

interface Section {
  id: string;
  label: string;
  of: "You" | "This workspace" | "This instance";
  view: ReactNode;
}

export function SettingsPage() {
  const workspace = useWorkspace();
  const { section = "account" } = useParams({ strict: false });
  const who = useQuery(whoQuery);
  const member = useQuery(memberQuery(workspace));
  return (
    <Shown query={member} what="the settings">
      {({ is_admin: isAdmin }) => {
        const own: Section[] = [
          { id: "account", label: "Account", of: "You", view: <OwnAccount workspace={workspace} /> },
          { id: "tokens", label: "Tokens", of: "You", view: <Tokens workspace={workspace} /> },
          { id: "access-keys", label: "S3 access keys", of: "You", view: <AccessKeys workspace={workspace} /> },
        ];
        const ofWorkspace: Section[] = [{ id: "workspace", label: "General", of: "This workspace", view: <WorkspaceSettings workspace={workspace} /> }];
        const ofInstance: Section[] = [
          { id: "workspaces", label: "Workspaces", of: "This instance", view: <Workspaces current={workspace} /> },
          { id: "accounts", label: "Accounts", of: "This instance", view: <Accounts own={who.data?.email ?? ""} /> },
          { id: "instance", label: "Keys and settings", of: "This instance", view: <InstanceSettings /> },
        ];
        const sections = [...own, ...(isAdmin ? ofWorkspace : []), ...(who.data?.super_admin ? ofInstance : [])];
        return (
          <>
            <PageHead title="Settings" />
            <div className="flex flex-col gap-4 px-4 pb-8 md:flex-row md:items-start lg:px-6">
              <SectionList workspace={workspace} sections={sections} />
              <div className="flex min-w-0 max-w-4xl flex-1 flex-col gap-4">{sections.find((each) => each.id === section)?.view ?? <Empty title="There is no such part of the settings">Or it is not yours to change: admins change the workspace, superadmins the instance.</Empty>}</div>
            </div>
          </>
        );
      }}
    </Shown>
  );
}

function SectionList({ workspace, sections }: { workspace: string; sections: Section[] }) {
  const groups = [...new Set(sections.map((each) => each.of))];
  return (
    <nav aria-label="Settings" className="flex shrink-0 flex-wrap gap-x-6 gap-y-2 md:sticky md:top-0 md:w-44 md:flex-col">
      {groups.map((of) => (
        <div key={of}>
          <p className="px-2 pb-0.5 text-xs font-medium text-muted">{of}</p>
          <ul className="flex flex-wrap md:flex-col">
            {sections
              .filter((each) => each.of === of)
              .map(({ id, label }) => (
                <li key={id}>
                  <Link to="/w/$workspace/settings/$section" params={{ workspace, section: id }} className="block rounded-md px-2 py-1 hover:bg-sunken" activeProps={{ className: "!bg-accent-soft font-medium text-accent", "aria-current": "page" }}>
                    {label}
                  </Link>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
