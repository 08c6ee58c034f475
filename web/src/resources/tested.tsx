/** What came of trying a connection. */
import { CircleCheck, CircleX, Plug } from "lucide-react";
import type { UseMutationResult } from "@tanstack/react-query";

import { ApiError } from "@/api/client";
import { Button } from "@/ui/button";
import { cls } from "@/ui/class";
import { wordsOf } from "@/ui/states";

import type { Tested } from "./queries";

type Test = UseMutationResult<Tested, Error, void>;

export function TestButton({ test, disabled }: { test: Test; disabled?: boolean }) {
  return (
    <Button icon={<Plug size={15} aria-hidden />} busy={test.isPending} disabled={disabled} onClick={() => test.mutate()}>
      Test
    </Button>
  );
}

export function TestOutcome({ test }: { test: Test }) {
  if (test.isPending || (!test.data && !test.error)) return null;
  const isGood = test.data?.success === true;
  const isUnknown = test.error instanceof ApiError && test.error.code === "unsupported";
  const Icon = isGood ? CircleCheck : CircleX;
  return (
    <div role={isGood || isUnknown ? "status" : "alert"} className={cls("flex items-start gap-2 rounded-lg border p-3", isUnknown ? "border-line bg-sunken" : isGood ? "border-good/40 bg-good-soft" : "border-bad/40 bg-bad-soft")}>
      {!isUnknown && <Icon size={17} aria-hidden className={cls("mt-0.5 shrink-0", isGood ? "text-good" : "text-bad")} />}
      <div className="min-w-0">
        {!isUnknown && <p className="font-semibold">{isGood ? "It answers" : "It cannot be reached as it stands"}</p>}
        <p className="break-words whitespace-pre-wrap">{test.data?.message ?? wordsOf(test.error)}</p>
      </div>
    </div>
  );
}
