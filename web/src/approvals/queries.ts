import { queryOptions } from "@tanstack/react-query";

import { api, data, request, workspaceUrl } from "@/api/client";

/** A link to answer, as its address has it. */
export interface ApprovalLink {
  workspace: string;
  job: string;
  resumeId: string;
  signature: string;
  approver: string;
}

const tokenOf = (link: ApprovalLink) => `${link.resumeId}.${link.signature}.${link.approver}`;

export const approvalQuery = (link: ApprovalLink) =>
  queryOptions({
    queryKey: ["approval", link] as const,
    retry: false,
    queryFn: () => data(api.GET("/api/w/{workspace}/jobs_u/flow/approval_info/{job_id}", { params: { path: { workspace: link.workspace, job_id: link.job }, query: { token: tokenOf(link) } } })),
  });

export type Approval = Awaited<ReturnType<NonNullable<ReturnType<typeof approvalQuery>["queryFn"]>>>;

/** Answers what is asked; `payload` is what the flow gets. */
export async function answer(link: ApprovalLink, approved: boolean, payload: unknown): Promise<void> {
  const body = JSON.stringify({ approved, payload, approval_token: tokenOf(link) });
  await request(workspaceUrl(link.workspace, "jobs_u/flow/resume_suspended", link.job), { method: "POST", headers: { "Content-Type": "application/json" }, body });
}
