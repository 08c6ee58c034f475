/** The object that is shown beside its folder. */
import { Link } from "@tanstack/react-router";
import { Database } from "lucide-react";
import { useState } from "react";

import { addressOf, nameOf, type At } from "@/object/address";
import { ObjectPreview } from "@/object/preview";
import { buttonClass } from "@/ui/button";
import { Tabs } from "@/ui/tabs";

import { CloseButton, Facts, Links, Rights } from "./details";

type Tab = "preview" | "facts" | "links" | "rights";

export function ShownObject({ workspace, at, onClose }: { workspace: string; at: At; onClose: () => void }) {
  const [tab, setTab] = useState<Tab>("preview");
  return (
    <section aria-label={nameOf(at.key)} className="flex min-w-0 flex-1 flex-col border-line xl:max-w-[55%] xl:border-l">
      <header className="flex items-center gap-2 border-b border-line px-3 py-1.5">
        <h2 className="min-w-0 flex-1 truncate font-semibold" title={at.key}>
          {nameOf(at.key)}
        </h2>
        <Link to="/w/$workspace/scripts/new" params={{ workspace }} search={{ language: "duckdb", object: addressOf(at) }} className={buttonClass("plain", true)}>
          <Database size={14} aria-hidden /> Query with DuckDB
        </Link>
        <CloseButton onClose={onClose} />
      </header>
      <Tabs
        label="About the object"
        className="min-h-0 flex-1 !rounded-none !border-0"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "preview", label: "Preview", content: <ObjectPreview workspace={workspace} at={at} /> },
          { id: "facts", label: "Details", content: <Facts workspace={workspace} at={at} /> },
          { id: "links", label: "Links", content: <Links workspace={workspace} at={at} /> },
          { id: "rights", label: "Access", content: <Rights workspace={workspace} at={at} /> },
        ]}
      />
    </section>
  );
}
