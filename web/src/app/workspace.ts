import { useParams } from "@tanstack/react-router";

/** The workspace that the URL names. */
export function useWorkspace(): string {
  return useParams({ strict: false, select: (params) => (params as { workspace?: string }).workspace ?? "" });
}
