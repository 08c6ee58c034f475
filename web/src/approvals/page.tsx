/** What a flow asks of whoever has the link: shown without a login, unless the flow wants to know who answers. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { SchemaForm } from "@/forms/form";
import { Button } from "@/ui/button";
import { Failure, Shown } from "@/ui/states";

import { answer, approvalQuery, type Approval, type ApprovalLink } from "./queries";

export function ApprovalPage() {
  const { workspace, job, resumeId, signature } = useParams({ from: "/w/$workspace/approve/$job/$resumeId/$signature" });
  const { approver = "" } = useSearch({ from: "/w/$workspace/approve/$job/$resumeId/$signature" });
  const link = { workspace, job, resumeId, signature, approver };
  const found = useQuery(approvalQuery(link));
  return (
    <main className="mx-auto flex min-h-full w-full max-w-xl flex-col justify-center gap-4 p-4">
      <Shown query={found} what="what is asked">
        {(approval) => <Request link={link} approval={approval} />}
      </Shown>
    </main>
  );
}

function Request({ link, approval }: { link: ApprovalLink; approval: Approval }) {
  const [value, setValue] = useState<Record<string, unknown>>({});
  const sent = useMutation({ meta: { quiet: true }, mutationFn: (approved: boolean) => answer(link, approved, approved ? value : null) });
  if (sent.isSuccess) {
    return (
      <section role="status" className="rounded-xl border border-line bg-panel p-7">
        <h1 className="text-xl font-semibold">{sent.variables ? "Approved" : "Disapproved"}</h1>
        <p className="text-muted">The flow knows of your answer. You can close this page.</p>
      </section>
    );
  }
  return (
    <section className="flex flex-col gap-4 rounded-xl border border-line bg-panel p-7 shadow-sm">
      <div>
        <h1 className="text-xl font-semibold">{approval.step_summary}</h1>
        {approval.flow_summary && <p className="text-muted">{approval.flow_summary}</p>}
      </div>
      <Description value={approval.description} />
      {approval.skin !== "minimal" && <Approvers approval={approval} />}
      {hasFields(approval.form_schema) && <SchemaForm id="approval" schema={approval.form_schema} value={value} onChange={setValue} onSubmit={() => sent.mutate(true)} disabled={!approval.can_approve || sent.isPending} />}
      {approval.reason && <Refusal reason={approval.reason} />}
      {sent.error && <Failure error={sent.error} what="Your answer was not taken" />}
      <div className="flex gap-2">
        <Button look="primary" busy={sent.isPending} disabled={!approval.can_approve} {...(hasFields(approval.form_schema) ? { type: "submit" as const, form: "approval" } : { onClick: () => sent.mutate(true) })}>
          Approve
        </Button>
        {!approval.hide_cancel && (
          <Button look="danger" disabled={!approval.can_approve || sent.isPending} onClick={() => sent.mutate(false)}>
            Disapprove
          </Button>
        )}
      </div>
    </section>
  );
}

function Description({ value }: { value: unknown }) {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? <p className="whitespace-pre-wrap">{value}</p> : <pre className="overflow-auto rounded bg-sunken p-3 text-[13px]">{JSON.stringify(value, null, 2)}</pre>;
}

function Approvers({ approval }: { approval: Approval }) {
  const names = approval.approvers.map((each) => each.approver).join(", ");
  return (
    <p className="text-[13px] text-muted">
      {approval.approvers.length} of {approval.required} approvals{names && `: ${names}`}
    </p>
  );
}

function Refusal({ reason }: { reason: string }) {
  return (
    <p role="alert" className="rounded-md border border-line bg-sunken p-3">
      {reason}{" "}
      <Link to="/sign-in" search={{ next: location.pathname + location.search }} className="underline">
        Sign in
      </Link>
    </p>
  );
}

function hasFields(schema: unknown): schema is { type: "object"; properties: Record<string, object> } {
  return typeof schema === "object" && schema !== null && "properties" in schema && Object.keys(schema.properties ?? {}).length > 0;
}
