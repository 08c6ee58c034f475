/** An object that a result points to. */
import { Link } from "@tanstack/react-router";

import { useWorkspace } from "@/app/workspace";

import { addressOf, DEFAULT, folderOf } from "./address";
import { ObjectPreview } from "./preview";

export default function ObjectResult({ storage, objectKey }: { storage: string; objectKey: string }) {
  const workspace = useWorkspace();
  const at = { storage: storage || DEFAULT, key: objectKey };
  return (
    <div className="overflow-hidden rounded-md border border-line">
      <p className="border-b border-line px-3 py-1.5">
        <Link to="/w/$workspace/storages/$storage" params={{ workspace, storage: at.storage }} search={{ prefix: folderOf(at.key) || undefined, key: at.key }} className="font-mono text-[13px] break-all text-accent hover:underline">
          {addressOf(at)}
        </Link>
      </p>
      <div className="h-96">
        <ObjectPreview workspace={workspace} at={at} />
      </div>
    </div>
  );
}
