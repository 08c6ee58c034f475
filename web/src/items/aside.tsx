/** What is to be known of an item beside its value. */
import { useState } from "react";

import { Tabs } from "@/ui/tabs";

import { Access } from "./access";
import { History } from "./history";
import type { Kind } from "./queries";

export function Aside({ workspace, kind, path }: { workspace: string; kind: Kind; path: string }) {
  const [tab, setTab] = useState<"history" | "access">("history");
  return (
    <Tabs
      label="About it"
      value={tab}
      onChange={setTab}
      tabs={[
        { id: "history", label: "History", content: <History workspace={workspace} kind={kind} path={path} /> },
        { id: "access", label: "Access", content: <Access workspace={workspace} kind={kind} path={path} /> },
      ]}
    />
  );
}
