import { useQuery } from "@tanstack/react-query";
import { ChartBar } from "lucide-react";
import { useState } from "react";

import { nameOf } from "@/object/address";
import { IconButton } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Shown } from "@/ui/states";
import { bytes } from "@/ui/time";

import { prefixUsageQuery } from "./queries";

interface UsageProps {
  workspace: string;
  storage: string;
  prefix: string;
  open: (folder: string) => void;
}

/** How much lies below a folder, and where. */
export function UsageButton(props: UsageProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <IconButton label="Usage" onClick={() => setOpen(true)}>
        <ChartBar size={15} aria-hidden />
      </IconButton>
      {isOpen && (
        <Dialog open onClose={() => setOpen(false)} title={`What ${props.prefix || "the storage"} holds`}>
          <Amounts
            {...props}
            open={(folder) => {
              setOpen(false);
              props.open(folder);
            }}
          />
        </Dialog>
      )}
    </>
  );
}

function Amounts({ workspace, storage, prefix, open }: UsageProps) {
  const usage = useQuery(prefixUsageQuery(workspace, storage, prefix));
  return (
    <Shown query={usage} what="the usage">
      {({ size_bytes, objects, complete, folders }) => (
        <div className="flex flex-col gap-3">
          <p>
            <strong>{bytes(size_bytes)}</strong> in {objects.toLocaleString()} {objects === 1 ? "object" : "objects"}
            {!complete && ", and more that was not counted"}
          </p>
          <ul className="flex flex-col gap-1.5">
            {folders.slice(0, 50).map((each) => (
              <li key={each.prefix}>
                <button type="button" className="w-full text-left hover:text-accent" disabled={!each.prefix.endsWith("/")} onClick={() => open(each.prefix)}>
                  <span className="flex justify-between gap-3 text-[13px]">
                    <span className="truncate">{nameOf(each.prefix) || each.prefix}</span>
                    <span className="whitespace-nowrap text-muted">
                      {bytes(each.size_bytes)}, {each.objects.toLocaleString()}
                    </span>
                  </span>
                  <meter aria-label={`Part of ${each.prefix}`} className="h-1.5 w-full" min={0} max={size_bytes || 1} value={each.size_bytes} />
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Shown>
  );
}
