/** A form whose answer is a step of a definition; `lack` is what it still needs, "" where nothing. */
import type { ReactNode } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";

interface StepFormProps {
  title: string;
  lack: string;
  onClose: () => void;
  onDone: () => void;
  children: ReactNode;
}

export function StepForm({ title, lack, onClose, onDone, children }: StepFormProps) {
  return (
    <Dialog open onClose={onClose} wide title={title}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!lack) onDone();
        }}
      >
        {children}
        {lack && <p className="text-[13px] text-muted">{lack}</p>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" disabled={lack !== ""}>
            Look at the statement
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
