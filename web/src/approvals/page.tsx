/** What a flow asks of whoever has the link: shown without a login, unless the flow wants to know who answers. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { Ask } from "@/flow/ask";
import { Shown } from "@/ui/states";

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
  const [given, setGiven] = useState<boolean>();
  if (given !== undefined) {
    return (
      <section role="status" className="rounded-xl border border-line bg-panel p-7">
        <h1 className="text-xl font-semibold">{given ? "Approved" : "Disapproved"}</h1>
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
      <Ask asked={approval} send={(approved, payload) => answer(link, approved, payload)} then={setGiven} help={<SignIn />} />
    </section>
  );
}

function SignIn() {
  return (
    <Link to="/sign-in" search={{ next: location.pathname + location.search }} className="underline">
      Sign in
    </Link>
  );
}
