/** Where nothing is: what was there, and the way back to it. */
import { useInfiniteQuery } from "@tanstack/react-query";

import { PageHead, Panel } from "@/ui/panel";
import { Failure, Loading } from "@/ui/states";

import { History } from "./history";
import { historyQuery, type Kind } from "./queries";

export function Gone({ workspace, kind, path, error }: { workspace: string; kind: Kind; path: string; error: unknown }) {
  const history = useInfiniteQuery({ ...historyQuery(workspace, kind, path), retry: false });
  if (history.isPending) return <Loading what="what was there" />;
  if (!history.data?.pages[0]?.versions.length) return <Failure error={error} what="There is nothing here" />;
  return (
    <>
      <PageHead title={path} hint="It was deleted. Its versions are still here." />
      <div className="max-w-3xl px-4 pb-8 lg:px-6">
        <Panel title="History" flush>
          <History workspace={workspace} kind={kind} path={path} />
        </Panel>
      </div>
    </>
  );
}
