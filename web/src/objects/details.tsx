/** What is to be known of an object beside its content: links to it, who may do what and why, who touched it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Check, Link2, X } from "lucide-react";
import { useState } from "react";

import { memberQuery } from "@/app/session";
import { addressOf, type At } from "@/object/address";
import { accessesQuery, linksQuery, makeLink, membersQuery, metadataQuery, objectKeys, revokeLink, rightsQuery } from "@/object/queries";
import { Button, IconButton } from "@/ui/button";
import { Copy } from "@/ui/copy";
import { Select } from "@/ui/field";
import { Shown } from "@/ui/states";
import { Ago, bytes } from "@/ui/time";

const EXPIRIES: [number, string][] = [[3600, "1 hour"], [43_200, "12 hours"], [86_400, "1 day"], [604_800, "1 week"]];

interface ObjectProps {
  workspace: string;
  at: At;
}

export function Facts({ workspace, at }: ObjectProps) {
  const metadata = useQuery(metadataQuery(workspace, at));
  const accesses = useQuery(accessesQuery(workspace, at));
  return (
    <div className="flex flex-col gap-4 p-3">
      <Shown query={metadata} what="what is known of it">
        {(found) => (
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
            <dt className="text-muted">Address</dt>
            <dd className="flex items-center gap-1">
              <code className="min-w-0 break-all">{addressOf(at)}</code>
              <Copy label="Copy the address" text={() => addressOf(at)} />
            </dd>
            <dt className="text-muted">Size</dt>
            <dd title={`${found.size_in_bytes} bytes`}>{bytes(found.size_in_bytes)}</dd>
            <dt className="text-muted">Type</dt>
            <dd>{found.mime_type}</dd>
            <dt className="text-muted">Written</dt>
            <dd>
              <Ago at={found.last_modified} />
            </dd>
            {found.etag && (
              <>
                <dt className="text-muted">ETag</dt>
                <dd className="truncate font-mono text-[13px]">{found.etag}</dd>
              </>
            )}
            {Object.entries(found.metadata ?? {}).map(([name, value]) => (
              <div key={name} className="contents">
                <dt className="text-muted">{name}</dt>
                <dd className="break-all">{value}</dd>
              </div>
            ))}
          </dl>
        )}
      </Shown>
      <section>
        <h3 className="mb-1 text-[13px] font-semibold">Last accesses</h3>
        <Shown query={accesses} what="the accesses">
          {(found) => (
            <ul>
              {found.accesses.map((each) => (
                <li key={each.id} className="flex gap-3 border-b border-line py-1 text-[13px] last:border-0">
                  <span className="w-14 text-muted">{each.access}</span>
                  <span className="min-w-0 flex-1 truncate">{each.actor}</span>
                  <Ago at={each.at} />
                </li>
              ))}
              {found.accesses.length === 0 && <li className="text-muted">None that you may see.</li>}
            </ul>
          )}
        </Shown>
      </section>
    </div>
  );
}

export function Links({ workspace, at }: ObjectProps) {
  const links = useQuery(linksQuery(workspace, at));
  const queries = useQueryClient();
  const [seconds, setSeconds] = useState(43_200);
  const refresh = () => queries.invalidateQueries({ queryKey: objectKeys.links(workspace, at) });
  const made = useMutation({ mutationFn: () => makeLink(workspace, at, seconds), onSuccess: refresh });
  const revoked = useMutation({ mutationFn: (id: string) => revokeLink(workspace, id), onSuccess: refresh });
  return (
    <div className="flex flex-col gap-3 p-3">
      <p className="text-muted">Whoever has the link can read this object, without signing in, until it expires or is taken back.</p>
      <div className="flex flex-wrap gap-2">
        <Select aria-label="How long it holds" className="!w-32" value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {EXPIRIES.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </Select>
        <Button look="primary" icon={<Link2 size={15} aria-hidden />} busy={made.isPending} onClick={() => made.mutate()}>
          Make a link
        </Button>
      </div>
      {made.data && (
        <div className="flex items-center gap-1 rounded-md border border-good/40 bg-good-soft p-2">
          <input readOnly aria-label="The link" className="min-w-0 flex-1 bg-transparent font-mono text-xs" value={made.data} onFocus={(event) => event.target.select()} />
          <Copy label="Copy the link" text={() => made.data} />
        </div>
      )}
      <Shown query={links} what="the links">
        {(found) => (
          <ul aria-label="Links that hold">
            {found.map((each) => (
              <li key={each.id} className="flex items-center gap-2 border-b border-line py-1 text-[13px] last:border-0">
                <span className="min-w-0 flex-1 truncate">
                  by {each.made_by}, expires <Ago at={each.expires_at} />
                </span>
                <Button small onClick={() => revoked.mutate(each.id)}>
                  Take back
                </Button>
              </li>
            ))}
            {found.length === 0 && <li className="text-[13px] text-muted">No link leads here now.</li>}
          </ul>
        )}
      </Shown>
    </div>
  );
}

export function Rights({ workspace, at }: ObjectProps) {
  const member = useQuery(memberQuery(workspace));
  const isAdmin = member.data?.is_admin === true;
  const members = useQuery({ ...membersQuery(workspace), enabled: isAdmin });
  const [username, setUsername] = useState("");
  const rights = useQuery(rightsQuery(workspace, at, username));
  return (
    <div className="flex flex-col gap-3 p-3">
      {isAdmin && (
        <Select aria-label="Whose rights" className="!w-56" value={username} onChange={(event) => setUsername(event.target.value)}>
          <option value="">What I may do</option>
          {members.data?.map((each) => (
            <option key={each} value={each}>
              What {each} may do
            </option>
          ))}
        </Select>
      )}
      <Shown query={rights} what="the rights">
        {(found) => (
          <ul aria-label="Rights">
            {found.map((each) => (
              <li key={each.action} className="flex items-start gap-2 border-b border-line py-1.5 last:border-0">
                {each.allowed ? <Check size={16} className="mt-0.5 text-good" aria-label="may" /> : <X size={16} className="mt-0.5 text-bad" aria-label="may not" />}
                <span className="w-14 font-medium">{each.action}</span>
                <span className="min-w-0 flex-1 text-[13px] text-muted">{each.reason}</span>
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </div>
  );
}

export function CloseButton({ onClose }: { onClose: () => void }) {
  return (
    <IconButton label="Close the preview" onClick={onClose}>
      <X size={16} aria-hidden />
    </IconButton>
  );
}
