/** Members and groups are two pages of one place. */
import { Link } from "@tanstack/react-router";

const PAGES = [
  { to: "/w/$workspace/members", label: "Members" },
  { to: "/w/$workspace/groups", label: "Groups" },
] as const;

export function PeopleTabs({ workspace }: { workspace: string }) {
  return (
    <nav aria-label="People" className="flex gap-1 px-4 lg:px-6">
      {PAGES.map(({ to, label }) => (
        <Link
          key={to}
          to={to}
          params={{ workspace }}
          className="-mb-px border-b-2 border-transparent px-2 pb-2 text-[13px] font-medium text-muted hover:text-ink"
          activeProps={{ className: "!border-accent !text-ink", "aria-current": "page" }}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}
