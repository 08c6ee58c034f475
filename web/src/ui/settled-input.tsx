/** A text that is told once one stops typing, and follows when it is changed from elsewhere. */
import { useEffect, useState, type InputHTMLAttributes } from "react";

import { Input } from "./field";
import { useSettled } from "./settled";

interface SettledInputProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "value"> {
  /** Its name, where no label stands beside it. */
  label?: string;
  value: string | undefined;
  set: (text: string) => void;
}

export function SettledInput({ label, value, set, ...rest }: SettledInputProps) {
  const [text, setText] = useState(value ?? "");
  const [from, setFrom] = useState(value);
  if (value !== from) {
    setFrom(value);
    setText(value ?? "");
  }
  const settled = useSettled(text, 300);
  useEffect(() => {
    if (settled !== (value ?? "")) set(settled);
    // Only what was typed sets it: `value` may change from elsewhere.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  return <Input type="search" placeholder={label} {...rest} {...(label ? { "aria-label": label } : {})} value={text} onChange={(event) => setText(event.target.value)} />;
}
