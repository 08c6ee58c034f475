/** The editor as pages use it: its code comes when it is first shown. */
import { lazy, Suspense, type ComponentProps } from "react";

import { Loading } from "@/ui/states";

const Code = lazy(() => import("./code"));
const Diff = lazy(() => import("./diff"));

export function Editor(props: ComponentProps<typeof Code>) {
  return (
    <Suspense fallback={<Loading what="the editor" />}>
      <Code {...props} />
    </Suspense>
  );
}

export function DiffView(props: ComponentProps<typeof Diff>) {
  return (
    <Suspense fallback={<Loading what="the differences" />}>
      <Diff {...props} />
    </Suspense>
  );
}
