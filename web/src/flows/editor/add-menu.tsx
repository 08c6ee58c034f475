/** The place between two steps: a menu of what can be put there. */
import { CornerDownLeft, Plus } from "lucide-react";
import { DropdownMenu } from "radix-ui";

import { cls } from "@/ui/class";

import { CHOICES, LANGUAGE_CHOICES, type Added, type Choice } from "./kinds";

interface AddMenuProps {
  /** Where it is, in words. */
  where: string;
  onAdd: (added: Added) => void;
  /** Set while a step is being moved: it goes here instead. */
  onMoveHere?: () => void;
  /** A step that was dragged here. */
  onDrop: (id: string) => void;
}

export const DRAGGED = "application/x-tidemill-step";
const ROUND = "flex size-[22px] items-center justify-center rounded-full border bg-panel";

export function AddMenu({ where, onAdd, onMoveHere, onDrop }: AddMenuProps) {
  const drop = {
    onDragOver: (event: React.DragEvent) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault(),
    onDrop: (event: React.DragEvent) => {
      event.preventDefault();
      onDrop(event.dataTransfer.getData(DRAGGED));
    },
  };
  if (onMoveHere) {
    return (
      <button type="button" aria-label={`Move it here: ${where}`} title="Move it here" onClick={onMoveHere} className={cls(ROUND, "border-accent bg-accent text-accent-ink")}>
        <CornerDownLeft size={13} aria-hidden />
      </button>
    );
  }
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger {...drop} aria-label={`Add a step ${where}`} title="Add a step" className={cls(ROUND, "border-line-strong text-muted hover:border-accent hover:text-accent data-[state=open]:border-accent data-[state=open]:text-accent")}>
        <Plus size={14} aria-hidden />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content sideOffset={6} collisionPadding={12} className="z-50 max-h-(--radix-dropdown-menu-content-available-height) w-80 overflow-auto rounded-lg border border-line bg-panel p-1.5 shadow-xl">
          <Choices all={CHOICES} onAdd={onAdd} />
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <DropdownMenu.Label className="px-2 py-1 text-xs text-muted">Source that stands in the flow</DropdownMenu.Label>
          <Choices all={LANGUAGE_CHOICES} onAdd={onAdd} isShort />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Choices({ all, onAdd, isShort = false }: { all: Choice[]; onAdd: (added: Added) => void; isShort?: boolean }) {
  return (
    <div className={isShort ? "grid grid-cols-2" : ""}>
      {all.map((each) => (
        <DropdownMenu.Item key={each.name} textValue={each.name} onSelect={() => onAdd(each.added)} className="flex cursor-pointer items-baseline gap-2 rounded px-2 py-1 outline-none data-highlighted:bg-accent-soft">
          <span className="font-medium">{each.name}</span>
          {!isShort && <span className="truncate text-[13px] text-muted">{each.words}</span>}
        </DropdownMenu.Item>
      ))}
    </div>
  );
}
