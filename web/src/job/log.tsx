/** The log of a job: only the lines in view are there; follows its end until somebody scrolls up; can be searched. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, CircleX, Download, Search } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { Input } from "@/ui/field";

import { spansOf } from "./ansi";

const ERROR = /\b(error|exception|traceback|failed|fatal)\b/i;

export function LogView({ text, completed, download }: { text: string; completed: boolean; download?: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const [finding, setFinding] = useState("");
  const lines = useMemo(() => (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n"), [text]);
  const found = useMemo(() => (finding ? lines.flatMap((line, index) => (line.toLowerCase().includes(finding.toLowerCase()) ? [index] : [])) : []), [lines, finding]);
  const [at, setAt] = useState(0);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => 19, overscan: 30 });
  useEffect(() => {
    if (following && lines.length) rows.scrollToIndex(lines.length - 1);
  }, [lines.length, following, rows]);

  function show(index: number) {
    setFollowing(false);
    rows.scrollToIndex(index, { align: "center" });
  }
  function next() {
    if (!found.length) return;
    const now = (at + 1) % found.length;
    setAt(now);
    show(found[now]!);
  }
  function toError() {
    const index = lines.findLastIndex((line) => ERROR.test(line));
    if (index >= 0) show(index);
  }
  if (!text) return <p className="p-3 text-muted">{completed ? "The job wrote no log." : "Nothing yet."}</p>;
  return (
    <div className="flex h-full min-h-40 flex-col">
      <div className="flex items-center gap-1 border-b border-line px-2 py-1">
        <Search size={14} className="text-muted" aria-hidden />
        <Input aria-label="Find in the log" placeholder="Find" value={finding} onChange={(event) => setFinding(event.target.value)} onKeyDown={(event) => event.key === "Enter" && next()} className="!h-6 max-w-52 !border-transparent !py-0" />
        {finding && <span className="text-xs text-muted">{found.length ? `${Math.min(at + 1, found.length)} of ${found.length}` : "none"}</span>}
        <span className="flex-1" />
        <IconButton label="Jump to the last error" onClick={toError}>
          <CircleX size={14} aria-hidden />
        </IconButton>
        <IconButton label="Follow the end" aria-pressed={following} onClick={() => setFollowing(true)}>
          <ArrowDown size={14} aria-hidden className={cls(following && "text-accent")} />
        </IconButton>
        {download && (
          <a href={download} download className="rounded-md p-1.5 hover:bg-sunken" aria-label="Download the log" title="Download the log">
            <Download size={14} aria-hidden />
          </a>
        )}
      </div>
      <div
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Log"
        className="min-h-0 flex-1 overflow-auto bg-sunken py-1.5 font-mono text-[12.5px] leading-[19px]"
        onWheel={(event) => event.deltaY < 0 && setFollowing(false)}
      >
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((each) => (
            <div key={each.key} ref={rows.measureElement} data-index={each.index} style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${each.start}px)` }} className={cls("flex px-3 whitespace-pre-wrap", finding && found.includes(each.index) && "bg-warn-soft")}>
              <span aria-hidden className="mr-3 w-9 shrink-0 text-right text-muted select-none">
                {each.index + 1}
              </span>
              <span className="min-w-0 break-words">
                {spansOf(lines[each.index] ?? "").map((span, index) => (
                  <span key={index} className={span.classes}>
                    {span.text}
                  </span>
                ))}
              </span>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
