import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { Failure } from "@/ui/states";

import { bucketResourcesQuery, createStorage, setStorage, type Storage } from "./queries";

/** A folder that the instance keeps, or the bucket that a resource leads to. */
export function NewStorage({ workspace, all, onClose }: { workspace: string; all: Storage[]; onClose: () => void }) {
  const resources = useQuery(bucketResourcesQuery(workspace));
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [path, setPath] = useState("");
  const made = useMutation({
    mutationFn: async () => {
      if (all.some((each) => each.name === name)) throw new Error(`There is a storage ${name} already: choose another name.`);
      const resource = resources.data?.find((each) => each.path === path);
      if (!resource) return createStorage(workspace, name);
      await setStorage(workspace, all, { name, kind: resource.resource_type, is_default: false, resource_path: path, has_default_rules: true });
    },
    meta: { quiet: true },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["storages", workspace] });
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title="Add a storage">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          made.mutate();
        }}
      >
        <Field label="Name" hint="3 to 63 of a–z, 0–9, -, _ and . ; scripts write s3://<name>/<key>.">
          {(given) => <Input {...given} required autoFocus className="font-mono" value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field
          label="Where its objects are"
          hint={
            <>
              A bucket is a resource:{" "}
              <Link to="/w/$workspace/resources/new" params={{ workspace }} search={{}} className="text-accent hover:underline">
                connect one
              </Link>
            </>
          }
        >
          {(given) => (
            <Select {...given} value={path} onChange={(event) => setPath(event.target.value)}>
              <option value="">Kept by this instance</option>
              {resources.data?.map((each) => (
                <option key={each.path} value={each.path}>
                  {each.path} ({each.resource_type})
                </option>
              ))}
            </Select>
          )}
        </Field>
        {made.error && <Failure error={made.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not yet</Button>
          <Button type="submit" look="primary" busy={made.isPending}>
            Add it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
