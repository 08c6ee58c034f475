/** Several files as base64 texts. */
import { Paperclip, X } from "lucide-react";
import { useRef, useState } from "react";

import { Button, IconButton } from "@/ui/button";
import { bytes } from "@/ui/time";

import { base64Of, sizeOf } from "./base64";

interface FilesInputProps {
  id: string;
  value: string[] | undefined;
  onChange: (value: string[]) => void;
  disabled?: boolean;
}

export function FilesInput({ id, value = [], onChange, disabled }: FilesInputProps) {
  const [names, setNames] = useState<Record<string, string>>({});
  const input = useRef<HTMLInputElement>(null);
  async function add(files: File[]) {
    const texts = await Promise.all(files.map(base64Of));
    setNames((before) => ({ ...before, ...Object.fromEntries(files.map((file, index) => [texts[index]!, file.name])) }));
    onChange([...value, ...texts]);
    if (input.current) input.current.value = "";
  }
  return (
    <div className="flex flex-col items-start gap-2">
      {value.length > 0 && (
        <ol className="w-full rounded-md border border-line">
          {value.map((each, index) => {
            const name = names[each] ?? `File ${index + 1}`;
            return (
              <li key={index} className="flex items-center gap-2 border-b border-line px-3 py-1 text-[13px] last:border-0">
                <span className="min-w-0 flex-1 truncate">{name}</span>
                <span className="text-muted tabular-nums">{bytes(sizeOf(each))}</span>
                <IconButton label={`Remove ${name}`} disabled={disabled} onClick={() => onChange(value.filter((_, at) => at !== index))}>
                  <X size={14} aria-hidden />
                </IconButton>
              </li>
            );
          })}
        </ol>
      )}
      <Button id={id} small icon={<Paperclip size={14} aria-hidden />} disabled={disabled} onClick={() => input.current?.click()}>
        Add files
      </Button>
      <input ref={input} type="file" multiple className="hidden" aria-hidden data-testid={`${id}-files`} onChange={(event) => void add([...(event.target.files ?? [])])} />
    </div>
  );
}
