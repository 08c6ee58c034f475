/** A dialog with a form and the two buttons that every form has. What is refused is told in it. */
import type { ReactNode } from "react";

import { Button } from "./button";
import { Dialog } from "./dialog";
import { NotSaved } from "./states";

interface FormDialogProps {
  title: string;
  hint?: ReactNode;
  /** What the button says that sends it. */
  verb: string;
  onClose: () => void;
  sending: { mutate: () => void; isPending: boolean; error: unknown };
  disabled?: boolean;
  wide?: boolean;
  children: ReactNode;
}

export function FormDialog({ title, hint, verb, onClose, sending, disabled, wide, children }: FormDialogProps) {
  return (
    <Dialog open onClose={onClose} title={title} hint={hint} wide={wide}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          sending.mutate();
        }}
      >
        {children}
        <NotSaved error={sending.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={sending.isPending} disabled={disabled}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
