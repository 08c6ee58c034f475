import { Users } from "lucide-react";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";

import { Access } from "./panel";
import type { Shareable } from "./queries";

/** Opens who may use an item, for pages without room for it beside. */
export function AccessButton({ workspace, kind, path }: { workspace: string; kind: Shareable; path: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button icon={<Users size={15} aria-hidden />} onClick={() => setOpen(true)}>
        Access
      </Button>
      <Dialog open={isOpen} onClose={() => setOpen(false)} title={`Who may use ${path}`}>
        <div className="-m-4">
          <Access workspace={workspace} kind={kind} path={path} />
        </div>
      </Dialog>
    </>
  );
}
