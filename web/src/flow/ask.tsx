/** What a flow asks, with its form and the buttons to answer. */
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";

import { SchemaForm } from "@/forms/form";
import { Button } from "@/ui/button";
import { Failure } from "@/ui/states";

export interface Asked {
  can_approve: boolean;
  approvers: { approver: string }[];
  required: number;
  hide_cancel?: boolean;
  form_schema?: unknown;
  description?: unknown;
  skin?: string;
  reason?: string;
}

interface AskProps {
  asked: Asked;
  send: (approved: boolean, payload: unknown) => Promise<void>;
  /** Called once the answer was taken. */
  then?: (approved: boolean) => void;
  /** Beside why the reader may not answer. */
  help?: ReactNode;
}

export function Ask({ asked, send, then, help }: AskProps) {
  const [value, setValue] = useState<Record<string, unknown>>({});
  const sent = useMutation({ meta: { quiet: true }, mutationFn: (approved: boolean) => send(approved, approved ? value : null), onSuccess: (_, approved) => then?.(approved) });
  // who asks in code often gives the fields alone
  const schema = hasFields(asked.form_schema) ? { ...asked.form_schema, type: "object" as const } : undefined;
  return (
    <div className="flex flex-col gap-4">
      <Description value={asked.description} />
      {asked.skin !== "minimal" && <Approvers asked={asked} />}
      {schema && <SchemaForm id="approval" schema={schema} value={value} onChange={setValue} onSubmit={() => sent.mutate(true)} disabled={!asked.can_approve || sent.isPending} />}
      {asked.reason && (
        <p role="alert" className="rounded-md border border-line bg-sunken p-3">
          {asked.reason} {help}
        </p>
      )}
      {sent.error && <Failure error={sent.error} what="Your answer was not taken" />}
      <div className="flex gap-2">
        <Button look="primary" busy={sent.isPending} disabled={!asked.can_approve} {...(schema ? { type: "submit" as const, form: "approval" } : { onClick: () => sent.mutate(true) })}>
          Approve
        </Button>
        {!asked.hide_cancel && (
          <Button look="danger" disabled={!asked.can_approve || sent.isPending} onClick={() => sent.mutate(false)}>
            Disapprove
          </Button>
        )}
      </div>
    </div>
  );
}

function Description({ value }: { value: unknown }) {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? <p className="whitespace-pre-wrap">{value}</p> : <pre className="overflow-auto rounded bg-sunken p-3 text-[13px]">{JSON.stringify(value, null, 2)}</pre>;
}

function Approvers({ asked }: { asked: Asked }) {
  const names = asked.approvers.map((each) => each.approver).join(", ");
  return (
    <p className="text-[13px] text-muted">
      {asked.approvers.length} of {asked.required} {asked.required === 1 ? "approval" : "approvals"}
      {names && `: ${names}`}
    </p>
  );
}

function hasFields(schema: unknown): schema is { properties: Record<string, object> } {
  return typeof schema === "object" && schema !== null && "properties" in schema && Object.keys(schema.properties ?? {}).length > 0;
}
