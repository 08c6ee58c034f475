/** Who may do what in a storage: an ordered list, of which the first that matches a key decides. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Plus, X } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { useSettled } from "@/ui/settled";
import { Failure } from "@/ui/states";

import { Rights } from "./details";
import { setStorage, shownName, type Rule, type Storage } from "./queries";

const WORDS = ["read", "write", "delete", "list"];
const words = (allow: string) => allow.split(",").map((each) => each.trim()).filter(Boolean);

export function RulesDialog({ workspace, storage, all, onClose }: { workspace: string; storage: Storage; all: Storage[]; onClose: () => void }) {
  const [rules, setRules] = useState<Rule[]>(storage.rules ?? []);
  const queries = useQueryClient();
  const saved = useMutation({
    mutationFn: (usual: boolean) => setStorage(workspace, all, { ...storage, rules, has_default_rules: usual }),
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["storages", workspace] });
      onClose();
    },
  });
  const change = (index: number, rule: Rule) => setRules(rules.map((each, at) => (at === index ? rule : each)));
  function swap(one: number, other: number) {
    const now = [...rules];
    [now[one], now[other]] = [now[other]!, now[one]!];
    setRules(now);
  }
  return (
    <Dialog open onClose={onClose} wide title={`Rules of ${shownName(storage.name)}`} hint="The first rule whose pattern matches a key decides alone. Admins may do everything.">
      <ol aria-label="Rules" className="flex flex-col gap-1.5">
        {rules.map((rule, index) => (
          <li key={index} className="flex flex-wrap items-center gap-2">
            <Input aria-label={`Pattern ${index + 1}`} className="!w-0 min-w-48 flex-1 font-mono" value={rule.pattern} onChange={(event) => change(index, { ...rule, pattern: event.target.value })} />
            {WORDS.map((word) => (
              <label key={word} className="flex items-center gap-1 text-[13px]">
                <input
                  type="checkbox"
                  className="accent-(--accent)"
                  checked={words(rule.allow).includes(word)}
                  onChange={(event) => change(index, { ...rule, allow: WORDS.filter((each) => (each === word ? event.target.checked : words(rule.allow).includes(each))).join(",") })}
                />
                {word}
              </label>
            ))}
            <span className="flex">
              <IconButton label={`Rule ${index + 1} up`} disabled={index === 0} onClick={() => swap(index, index - 1)}>
                <ArrowUp size={14} aria-hidden />
              </IconButton>
              <IconButton label={`Rule ${index + 1} down`} disabled={index === rules.length - 1} onClick={() => swap(index, index + 1)}>
                <ArrowDown size={14} aria-hidden />
              </IconButton>
              <IconButton label={`Remove rule ${index + 1}`} onClick={() => setRules(rules.filter((_, at) => at !== index))}>
                <X size={14} aria-hidden />
              </IconButton>
            </span>
          </li>
        ))}
      </ol>
      <Explained workspace={workspace} storage={storage.name} />
      {saved.error && (
        <div className="-mx-4">
          <Failure error={saved.error} />
        </div>
      )}
      <div className="mt-4 flex flex-wrap gap-2">
        <Button icon={<Plus size={14} aria-hidden />} onClick={() => setRules([...rules, { pattern: "", allow: "read,list" }])}>
          Add a rule
        </Button>
        <Button look="quiet" disabled={storage.has_default_rules === true} onClick={() => saved.mutate(true)}>
          Back to the usual rules
        </Button>
        <span className="flex-1" />
        <Button look="primary" busy={saved.isPending} onClick={() => saved.mutate(false)}>
          Save
        </Button>
      </div>
    </Dialog>
  );
}

/** What the rules that are saved say of a key, and which of them decides. */
function Explained({ workspace, storage }: { workspace: string; storage: string }) {
  const [key, setKey] = useState("");
  const settled = useSettled(key);
  return (
    <div className="mt-4 flex flex-col gap-1 rounded-md border border-line p-3">
      <Field label="What holds for a key" hint="By the rules as they are saved now.">
        {(given) => <Input {...given} className="font-mono" placeholder="u/ann/report.csv" value={key} onChange={(event) => setKey(event.target.value)} />}
      </Field>
      {settled && (
        <div className="-mx-3 -mb-3">
          <Rights workspace={workspace} at={{ storage, key: settled }} />
        </div>
      )}
    </div>
  );
}
