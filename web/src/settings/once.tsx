/** What is shown once, and never again. */
import { TriangleAlert } from "lucide-react";

import { Button } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";

export interface Shown {
  label: string;
  text: string;
}

export function ShownOnce({ title, parts, onClose }: { title: string; parts: Shown[]; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} wide title={title}>
      <p className="mb-3 flex items-start gap-2 rounded-md bg-warn-soft p-3 text-warn">
        <TriangleAlert size={16} className="mt-0.5 shrink-0" aria-hidden /> Copy it now: it is not shown again.
      </p>
      <div className="flex flex-col gap-3">
        {parts.map(({ label, text }) => (
          <div key={label}>
            <p className="mb-1 text-[13px] font-medium">{label}</p>
            <div className="flex items-start gap-2 rounded-md bg-sunken p-2.5">
              <pre aria-label={label} className="min-w-0 flex-1 overflow-auto font-mono text-[13px] leading-5" tabIndex={0}>
                {text}
              </pre>
              <Copy label={`Copy: ${label}`} text={() => text} />
            </div>
          </div>
        ))}
      </div>
      <div className="mt-4 flex justify-end">
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </Dialog>
  );
}
