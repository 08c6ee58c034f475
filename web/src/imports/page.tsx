/** A workspace of Windmill comes in: chosen, looked at, imported one by one. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { useWorkspace } from "@/app/workspace";
import { PageHead } from "@/ui/panel";
import { Shown } from "@/ui/states";

import type { Contents } from "./items";
import { Review } from "./review";
import { Source } from "./source";

export function ImportPage() {
  const workspace = useWorkspace();
  const member = useQuery(memberQuery(workspace));
  const [contents, setContents] = useState<Contents>();
  return (
    <>
      <PageHead title="Import from Windmill" hint="Folders, resource types, variables, resources, scripts, flows and schedules. You see what is in it before anything is changed." />
      <div className="max-w-6xl px-4 pb-8 lg:px-6">
        <Shown query={member} what="who you are">
          {({ is_admin: isAdmin }) => (contents ? <Review workspace={workspace} contents={contents} again={() => setContents(undefined)} /> : <Source workspace={workspace} isAdmin={isAdmin} onContents={setContents} />)}
        </Shown>
      </div>
    </>
  );
}
