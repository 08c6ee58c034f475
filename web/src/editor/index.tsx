/** The editor as pages use it: its code comes when it is first shown. */
import { lazy, Suspense, type ComponentProps } from "react";

import { Loading } from "@/ui/states";

const Code = lazy(() => import("./code"));

export function Editor(props: ComponentProps<typeof Code>) {
  return (
    <Suspense fallback={<Loading what="the editor" />}>
      <Code {...props} />
    </Suspense>
  );
}
