/** The instance as a whole, for superadmins: what can be set while it runs, and how its keys stand. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ShieldCheck, TriangleAlert } from "lucide-react";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { NotSaved, Shown } from "@/ui/states";
import { Table } from "@/ui/table";
import { Ago } from "@/ui/time";
import { toast } from "@/ui/toast";

import { globalsQuery, keysQuery, setGlobal, settingsKeys } from "./queries";

export function InstanceSettings() {
  const globals = useQuery(globalsQuery);
  return (
    <>
      <Keys />
      <Shown query={globals} what="the settings">
        {(found) => <Settings key={JSON.stringify(found)} found={found} />}
      </Shown>
    </>
  );
}

function Keys() {
  const keys = useQuery(keysQuery);
  return (
    <Panel title="Keys of secrets">
      <Shown query={keys} what="the keys">
        {(found) => (
          <div className="flex flex-col gap-3">
            <p className="flex items-start gap-2">
              {found.wrapped_by_others === 0 ? <ShieldCheck size={18} className="mt-0.5 shrink-0 text-good" aria-hidden /> : <TriangleAlert size={18} className="mt-0.5 shrink-0 text-warn" aria-hidden />}
              <span>
                {found.wrapped_by_others === 0
                  ? `The root key is here and was tried out at the start of the server; it wraps all ${found.wrapped} keys.`
                  : `The root key is being changed: ${found.wrapped_by_others} of ${found.wrapped + found.wrapped_by_others} keys are still wrapped by an older one. Run tidemill secrets rotate again, and keep the old key until it says that it is done.`}
              </span>
            </p>
            <dl className="grid grid-cols-[9rem_1fr] gap-y-1 text-[13px]">
              <dt className="text-muted">Root key</dt>
              <dd className="font-mono">{found.root_key_id}</dd>
            </dl>
            <p className="text-[13px] text-muted">
              The key itself is outside of the database and is shown by no page. <code>tidemill secrets check</code> opens every secret; <code>tidemill secrets recovery-kit</code> prints the kit again; <code>tidemill secrets rotate</code> changes keys.
            </p>
            {found.signing_keys.length > 0 && (
              <Table label="Keys of identity tokens" heads={["Key of identity tokens", "Made", "Standing"]}>
                {found.signing_keys.map((each) => (
                  <tr key={each.id}>
                    <td className="font-mono text-[13px]">{each.id}</td>
                    <td className="text-[13px] text-muted">
                      <Ago at={each.created_at} />
                    </td>
                    <td className="text-[13px]">{each.published_until ? "published until its last token has ended" : "signs"}</td>
                  </tr>
                ))}
              </Table>
            )}
          </div>
        )}
      </Shown>
    </Panel>
  );
}

function Settings({ found }: { found: Record<string, unknown> }) {
  const queries = useQueryClient();
  const [tags, setTags] = useState(((found.custom_tags as string[] | undefined) ?? []).join(" "));
  const [hub, setHub] = useState((found.hub_base_url as string | undefined) ?? "");
  const saved = useMutation({
    mutationFn: async () => {
      const wanted = tags.split(/[\s,]+/).filter(Boolean);
      await setGlobal("custom_tags", wanted.length ? wanted : null);
      await setGlobal("hub_base_url", hub || null);
    },
    meta: { quiet: true },
    onSuccess: async () => {
      toast("good", "Saved.");
      await queries.invalidateQueries({ queryKey: settingsKeys.instance });
    },
  });
  return (
    <Panel title="Settings">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          saved.mutate();
        }}
      >
        <Field label="Tags of workers" hint="Offered in every workspace beside those of the languages; by blanks. A worker serves them where it is started with them.">
          {(given) => <Input {...given} className="font-mono" placeholder="gpu large" value={tags} onChange={(event) => setTags(event.target.value)} />}
        </Field>
        <Field label="Address of the hub" hint="Where the command line wmill hub pull looks for resource types.">
          {(given) => <Input {...given} type="url" placeholder="https://hub.example.org" value={hub} onChange={(event) => setHub(event.target.value)} />}
        </Field>
        <NotSaved error={saved.error} />
        <div>
          <Button type="submit" look="primary" busy={saved.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}
