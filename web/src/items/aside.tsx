/** What is to be known of an item beside its value. */
import { useState } from "react";

import { Access } from "@/access/panel";
import { Tabs } from "@/ui/tabs";

import { History } from "./history";
import type { Kind } from "./queries";
import { UsedBy } from "./used-by";

export function Aside({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const [tab, setTab] = useState<"history" | "users" | "access">("history");
  return (
    <Tabs
      label="About it"
      value={tab}
      onChange={setTab}
      tabs={[
        { id: "history", label: "History", content: <History workspace={workspace} kind={kind} path={path} /> },
        { id: "users", label: "Used by", content: <UsedBy workspace={workspace} kind={kind} path={path} /> },
        { id: "access", label: "Access", content: <Access workspace={workspace} kind={kind === "resources" ? "resource" : "variable"} path={path} /> },
      ]}
    />
  );
}
