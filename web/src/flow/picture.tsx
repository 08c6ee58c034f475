/** The graph as pages use it: its code comes when it is first shown. */
import { lazy, Suspense } from "react";

import { Loading } from "@/ui/states";

import type { GraphProps } from "./nodes";

const Graph = lazy(() => import("./graph"));

export function FlowPicture(props: GraphProps) {
  return (
    <Suspense fallback={<Loading what="the graph" />}>
      <Graph {...props} />
    </Suspense>
  );
}
