/** The workspace: its name and colour, what is called when schedules fail, its end. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { sessionKeys } from "@/app/session";
import { Button, buttonClass } from "@/ui/button";
import { Confirm } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { Panel } from "@/ui/panel";
import { NotSaved, Shown } from "@/ui/states";
import { toast } from "@/ui/toast";

import { DefaultHandlers } from "./handlers";
import { archiveWorkspace, colourWorkspace, renameWorkspace, settingsKeys, workspaceSettingsQuery } from "./queries";

const COLOURS = ["#0b6e82", "#1a7145", "#6b4fb3", "#b3541e", "#b3261e", "#586472"];

export function WorkspaceSettings({ workspace }: { workspace: string }) {
  const settings = useQuery(workspaceSettingsQuery(workspace));
  return (
    <Shown query={settings} what="the settings">
      {(found) => (
        <>
          <Named key={`${found.name} ${found.color}`} workspace={workspace} name={found.name} color={found.color ?? ""} />
          <Panel title="Storages">
            <div className="flex flex-wrap items-center justify-between gap-3">
              <p className="text-muted">Where scripts keep objects: the default storage and the named ones, the rules of each, what they hold, and a test of each.</p>
              <Link to="/w/$workspace/storages" params={{ workspace }} className={buttonClass()}>
                Open the storages
              </Link>
            </div>
          </Panel>
          <DefaultHandlers workspace={workspace} kept={found.schedule_handlers ?? {}} />
          <Archive workspace={workspace} />
        </>
      )}
    </Shown>
  );
}

function Named({ workspace, name: before, color: colorBefore }: { workspace: string; name: string; color: string }) {
  const [name, setName] = useState(before);
  const [color, setColor] = useState(colorBefore);
  const queries = useQueryClient();
  const saved = useMutation({
    mutationFn: async () => {
      if (name !== before) await renameWorkspace(workspace, name);
      if (color !== colorBefore) await colourWorkspace(workspace, color || null);
    },
    meta: { quiet: true },
    onSuccess: async () => {
      toast("good", "Saved.");
      await Promise.all([settingsKeys.workspace(workspace), sessionKeys.workspaces, settingsKeys.workspaces].map((queryKey) => queries.invalidateQueries({ queryKey })));
    },
  });
  return (
    <Panel title="Workspace">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          saved.mutate();
        }}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Name">{(given) => <Input {...given} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />}</Field>
          <Field label="Id" hint="In addresses and tokens; it stays.">
            {(given) => <Input {...given} disabled className="font-mono" value={workspace} />}
          </Field>
        </div>
        <fieldset>
          <legend className="mb-1 text-[13px] font-medium">Colour</legend>
          <div className="flex flex-wrap gap-2">
            {["", ...COLOURS, ...(colorBefore && !COLOURS.includes(colorBefore) ? [colorBefore] : [])].map((each) => (
              <label key={each} title={each || "None"} className="cursor-pointer">
                <input type="radio" name="color" className="peer sr-only" aria-label={each || "None"} checked={color === each} onChange={() => setColor(each)} />
                <Dot color={each} />
              </label>
            ))}
          </div>
        </fieldset>
        <NotSaved error={saved.error} />
        <div>
          <Button type="submit" look="primary" busy={saved.isPending} disabled={name === before && color === colorBefore}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}

/** Drawn, since the content security policy takes no inline style. */
export function Dot({ color, size = 28 }: { color: string; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 28 28" aria-hidden className="rounded-full peer-checked:outline-2 peer-checked:outline-offset-1 peer-checked:outline-accent peer-focus-visible:outline-2">
      <circle cx="14" cy="14" r="12" fill={color || "none"} stroke={color || "var(--line-strong)"} strokeWidth="2" />
      {!color && <path d="M6 22 22 6" stroke="var(--line-strong)" strokeWidth="2" />}
    </svg>
  );
}

function Archive({ workspace }: { workspace: string }) {
  const [isAsking, setAsking] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate();
  async function act() {
    await archiveWorkspace(workspace);
    localStorage.removeItem("tidemill.workspace");
    await queries.invalidateQueries({ queryKey: sessionKeys.workspaces });
    await navigate({ to: "/" });
  }
  return (
    <Panel title="Archive the workspace">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-prose text-muted">It is hidden from everybody; its tokens, schedules and jobs stop. Nothing of it is lost, and a superadmin brings it back.</p>
        <Button className="!text-bad" onClick={() => setAsking(true)}>
          Archive
        </Button>
      </div>
      <Confirm open={isAsking} onClose={() => setAsking(false)} title={`Archive ${workspace}?`} verb="Archive it" typed={workspace} act={act}>
        Everybody in it is out at once, you too. Jobs that wait do not start, schedules do not come, tokens are refused. Only a superadmin brings it back.
      </Confirm>
    </Panel>
  );
}
