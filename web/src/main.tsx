import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";

import { ApiError, whenSignedOut } from "@/api/client";
import { makeRouter } from "@/app/router";
import { NONCE } from "@/ui/nonce";
import { Toasts, toast } from "@/ui/toast";
import { wordsOf } from "@/ui/states";

import "@/app/theme";
import "./styles.css";

setNonce(NONCE); // of style sheets that dialogs make

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
  mutationCache: new MutationCache({ onError: (error, _variables, _context, mutation) => !mutation.meta?.quiet && toast("bad", wordsOf(error)) }),
});
const router = makeRouter(queries);

whenSignedOut(() => {
  const here = router.state.location;
  if (here.pathname === "/sign-in") return;
  queries.clear();
  void router.navigate({ to: "/sign-in", search: { next: here.href } });
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
