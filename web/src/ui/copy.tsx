import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";

import { IconButton } from "./button";

export function Copy({ text, label = "Copy" }: { text: () => string; label?: string }) {
  const [done, setDone] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(text());
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  }
  return (
    <IconButton label={done ? "Copied" : label} onClick={() => void copy()}>
      {done ? <Check size={15} aria-hidden /> : <CopyIcon size={15} aria-hidden />}
    </IconButton>
  );
}
