import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";

import { cls } from "./class";

export const INPUT =
  "w-full rounded-md border border-line-strong bg-panel px-2.5 py-1.5 text-ink placeholder:text-muted disabled:opacity-60 aria-[invalid=true]:border-bad";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string;
  className?: string;
  children: (given: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean | undefined }) => ReactNode;
}

/** A control with its name above and what is to be said of it below. */
export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId();
  const told = error || hint ? `${id}-told` : undefined;
  return (
    <div className={cls("flex flex-col gap-1", className)}>
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": told, "aria-invalid": error ? true : undefined })}
      {told && (
        <p id={told} className={cls("text-[13px]", error ? "text-bad" : "text-muted")}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: InputHTMLAttributes<HTMLInputElement>) {
  return <input {...rest} className={cls(INPUT, "h-8", className)} />;
}

export function TextArea({ className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea {...rest} className={cls(INPUT, "min-h-20", className)} />;
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={cls(INPUT, "h-8 pr-7", className)} />;
}
