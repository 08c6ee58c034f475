import { LoaderCircle } from "lucide-react";
import type { ButtonHTMLAttributes, ReactNode } from "react";

import { cls } from "./class";

export type Look = "primary" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink border-transparent hover:brightness-110",
  plain: "bg-panel text-ink border-line-strong hover:bg-sunken",
  quiet: "bg-transparent text-ink border-transparent hover:bg-sunken",
  danger: "bg-bad text-panel border-transparent hover:brightness-110",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  busy?: boolean;
  icon?: ReactNode;
  small?: boolean;
}

/** How a button looks, for links that are to look like one. */
export function buttonClass(look: Look = "plain", isSmall = false): string {
  return cls(
    "inline-flex items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors disabled:opacity-55",
    isSmall ? "h-7 px-2 text-[13px]" : "h-8 px-3",
    LOOKS[look],
  );
}

export function Button({ look = "plain", busy = false, icon, small = false, className, children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cls(buttonClass(look, small), className)}
    >
      {busy ? <LoaderCircle size={15} className="animate-spin" aria-hidden /> : icon}
      {children}
    </button>
  );
}

/** A button that shows an icon only; `label` is its name for screen readers and its tooltip. */
export function IconButton({ label, children, ...rest }: ButtonProps & { label: string }) {
  return (
    <Button look="quiet" small aria-label={label} title={label} {...rest} className={cls("!px-1.5", rest.className)}>
      {children}
    </Button>
  );
}
