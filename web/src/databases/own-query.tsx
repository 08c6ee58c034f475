/** A condition in the database's own words: a filter of MongoDB's, a pattern of Redis'. */
import { Search } from "lucide-react";
import { useState } from "react";

import { read } from "@/items/json";
import { isObject } from "@/results/shape";
import { Button } from "@/ui/button";
import { Input } from "@/ui/field";

import type { Place } from "./queries";

interface OwnQueryProps {
  language: string;
  place: Place;
  /** JSON text; "" for none. */
  query: string;
  onQuery: (query: string) => void;
}

export function OwnQuery({ language, place, query, onQuery }: OwnQueryProps) {
  const isPattern = (language === "redis" || language === "upstash") && place.schema === "";
  if (language === "mongodb") return <QueryForm key={query} begun={query} isFilter onQuery={onQuery} />;
  if (!isPattern) return null;
  const begun = query ? String(JSON.parse(query)) : "";
  return <QueryForm key={begun} begun={begun} isFilter={false} onQuery={(text) => onQuery(text && JSON.stringify(text))} />;
}

function QueryForm({ begun, isFilter, onQuery }: { begun: string; isFilter: boolean; onQuery: (text: string) => void }) {
  const [text, setText] = useState(begun);
  const { value, fault } = read(text.trim() || "{}");
  const wrong = !isFilter ? "" : fault ? `It is no JSON: ${fault}` : isObject(value) ? "" : "A filter is a JSON object.";
  return (
    <form
      className="flex min-w-0 flex-wrap items-center gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong) onQuery(text.trim());
      }}
    >
      <Input
        aria-label={isFilter ? "Filter of MongoDB" : "Pattern of keys"}
        aria-invalid={wrong ? true : undefined}
        title={wrong || undefined}
        placeholder={isFilter ? '{"city": {"$in": ["Leer"]}}' : "user:*"}
        className="!h-7 !w-56 font-mono text-[13px]"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Button small type="submit" icon={<Search size={13} aria-hidden />} disabled={wrong !== ""}>
        Find
      </Button>
    </form>
  );
}
