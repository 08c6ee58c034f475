/** One's own tokens and sessions. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Panel } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Table } from "@/ui/table";
import { Ago, exact } from "@/ui/time";

import { NewTokenDialog } from "./new-token";
import { ShownOnce } from "./once";
import { revokeToken, settingsKeys, tokensQuery, type Token } from "./queries";

const isSession = (token: Token) => token.label === "session";

export function Tokens({ workspace }: { workspace: string }) {
  const tokens = useQuery(tokensQuery);
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<string>();
  const create = (
    <Button look="primary" small icon={<Plus size={14} aria-hidden />} onClick={() => setNew(true)}>
      New token
    </Button>
  );
  return (
    <>
      <Panel title="Tokens and sessions" flush actions={create}>
        <Shown query={tokens} what="your tokens">
          {(all) =>
            all.length === 0 ? (
              <Empty icon={<KeyRound size={26} aria-hidden />} title="No token yet" action={create}>
                Programs outside call the API with a token of yours.
              </Empty>
            ) : (
              <Table label="Tokens" heads={["Begins with", "For", "May", "Last used", "Ends", "Revoke"]}>
                {all.map((each) => (
                  <Row key={each.token_prefix} token={each} />
                ))}
              </Table>
            )
          }
        </Shown>
      </Panel>
      {isNew && <NewTokenDialog workspace={workspace} onClose={() => setNew(false)} onMade={setMade} />}
      {made !== undefined && <ShownOnce title="The token is made" onClose={() => setMade(undefined)} parts={[{ label: "Token", text: made }, { label: "Try it", text: `curl -H 'Authorization: Bearer ${made}' ${location.origin}/api/users/whoami` }]} />}
    </>
  );
}

function Row({ token }: { token: Token }) {
  const queries = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const revoked = useMutation({ mutationFn: () => revokeToken(token.token_prefix), onSettled: () => queries.invalidateQueries({ queryKey: settingsKeys.tokens }) });
  const isOver = token.expiration !== undefined && token.expiration !== null && new Date(token.expiration) < new Date();
  return (
    <tr>
      <td className="font-mono text-[13px]">{token.token_prefix}…</td>
      <td className="min-w-32">{isSession(token) ? <span className="text-muted">a browser</span> : token.label || <span className="text-muted">–</span>}</td>
      <td className="min-w-40">
        <span className="flex flex-wrap gap-1">
          {token.read_only && <Badge tone="good">read only</Badge>}
          {token.workspace_id && <Badge>in {token.workspace_id}</Badge>}
          {token.scopes ? (token.scopes.length > 3 ? <span title={token.scopes.join("\n")}><Badge>{token.scopes.length} scopes</Badge></span> : token.scopes.map((each) => <Badge key={each}>{each}</Badge>)) : !token.read_only && !token.workspace_id && <span className="text-[13px] text-muted">all that you may</span>}
        </span>
      </td>
      <td className="text-[13px] text-muted">
        <Ago at={token.last_used_at} />
      </td>
      <td className="text-[13px] whitespace-nowrap text-muted" title={token.expiration ? exact(new Date(token.expiration)) : undefined}>
        {isOver ? <Badge tone="bad">over</Badge> : token.expiration ? <Ago at={token.expiration} /> : "never"}
      </td>
      <td>
        <Button small className="!text-bad" onClick={() => setAsking(true)}>
          Revoke
        </Button>
        <Confirm open={isAsking} onClose={() => setAsking(false)} title={`Revoke ${token.label && !isSession(token) ? token.label : `${token.token_prefix}…`}?`} verb="Revoke it" act={() => revoked.mutateAsync()}>
          {isSession(token) ? "That browser is signed out at once. If it is this one, you are." : "Whatever uses it is refused at once. It cannot be brought back; a new one can be made."}
        </Confirm>
      </td>
    </tr>
  );
}
