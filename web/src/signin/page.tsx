import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { signIn } from "@/app/session";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { wordsOf } from "@/ui/states";

import icon from "../icon.svg";

/** A place of this app, so that a link to the sign-in page cannot lead elsewhere. */
export function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(w\/|$)/.test(next) && !next.includes("\\") ? next : "/";
}

export function SignInPage() {
  const { next } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const attempt = useMutation({
    meta: { quiet: true },
    mutationFn: () => signIn(email, password),
    onSuccess: async () => {
      queries.clear();
      await navigate({ href: safeNext(next) });
    },
  });
  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <form
        className="flex w-full max-w-sm flex-col gap-4 rounded-xl border border-line bg-panel p-7 shadow-sm"
        onSubmit={(event) => {
          event.preventDefault();
          attempt.mutate();
        }}
      >
        <img src={icon} alt="" width={40} height={40} />
        <div>
          <h1 className="text-xl font-semibold">Sign in to Tidemill</h1>
          <p className="text-muted">
            With the login that <code>tidemill up</code> printed.
          </p>
        </div>
        <Field label="E-mail">{(given) => <Input {...given} type="email" name="email" autoComplete="username" required autoFocus value={email} onChange={(event) => setEmail(event.target.value)} />}</Field>
        <Field label="Password">{(given) => <Input {...given} type="password" name="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />}</Field>
        {attempt.error && (
          <p role="alert" className="text-bad">
            {wordsOf(attempt.error)}
          </p>
        )}
        <Button type="submit" look="primary" busy={attempt.isPending}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
