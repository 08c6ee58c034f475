/** A line of text that is saved when one leaves it, or by Enter; Escape gives it up. */
import { useState } from "react";

import { Input } from "./field";

interface LineFieldProps {
  label: string;
  value: string;
  placeholder?: string;
  disabled?: boolean;
  save: (text: string) => void;
}

export function LineField({ label, value, placeholder, disabled, save }: LineFieldProps) {
  const [text, setText] = useState(value);
  const [from, setFrom] = useState(value);
  if (value !== from) {
    setFrom(value);
    setText(value);
  }
  const done = () => text !== value && save(text);
  return (
    <Input
      aria-label={label}
      placeholder={placeholder}
      disabled={disabled}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === "Enter") done();
        else if (event.key === "Escape") setText(value);
      }}
    />
  );
}
