/** The frame around every page of a workspace: side bar, search, who is signed in. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { LogOut, Menu, Moon, Search, Sun, SunMoon } from "lucide-react";
import { useEffect, useState } from "react";

import { IconButton } from "@/ui/button";
import { cls } from "@/ui/class";
import { Select } from "@/ui/field";

import icon from "../icon.svg";
import { PLACES } from "./navigation";
import { Palette } from "./palette";
import { memberQuery, signOut, whoQuery, workspacesQuery } from "./session";
import { setTheme, useTheme, type Theme } from "./theme";
import { useWorkspace } from "./workspace";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const THEME_ICONS = { system: SunMoon, light: Sun, dark: Moon };

export function Shell() {
  const [searching, setSearching] = useState(false);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setSearching((now) => !now);
      }
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-panel focus:p-2">
        Skip to the page
      </a>
      <header className="flex items-center gap-2 border-b border-line bg-panel px-3 py-2 md:hidden">
        <IconButton label="Menu" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Menu size={18} aria-hidden />
        </IconButton>
        <img src={icon} alt="" width={20} height={20} />
        <strong className="flex-1">Tidemill</strong>
        <IconButton label="Search" onClick={() => setSearching(true)}>
          <Search size={17} aria-hidden />
        </IconButton>
      </header>
      <div className={cls(open ? "block" : "hidden", "border-b border-line md:block md:border-b-0")} onClick={(event) => (event.target as HTMLElement).closest("a") && setOpen(false)}>
        <SideBar search={() => setSearching(true)} />
      </div>
      <main id="main" className="min-h-0 min-w-0 flex-1 overflow-auto" tabIndex={-1}>
        <Outlet />
      </main>
      <Palette open={searching} onClose={() => setSearching(false)} />
    </div>
  );
}

function SideBar({ search }: { search: () => void }) {
  const workspace = useWorkspace();
  const member = useQuery(memberQuery(workspace));
  const places = PLACES.filter((each) => !each.isHidden && (!each.adminOnly || member.data?.is_admin));
  return (
    <div className="flex w-full flex-col border-line bg-panel md:h-full md:w-56 md:border-r">
      <div className="hidden items-center gap-2 px-4 pt-4 pb-2 md:flex">
        <img src={icon} alt="" width={22} height={22} />
        <strong className="text-[15px]">Tidemill</strong>
      </div>
      <div className="px-3 py-2">
        <WorkspacePicker />
      </div>
      <button type="button" onClick={search} className="mx-3 mb-2 hidden h-8 items-center gap-2 rounded-md border border-line bg-sunken px-2.5 text-left text-muted hover:border-line-strong md:flex">
        <Search size={14} aria-hidden />
        <span className="flex-1">Search</span>
        <kbd className="text-xs">Ctrl K</kbd>
      </button>
      <nav aria-label="Pages" className="flex min-h-0 flex-1 flex-col gap-0.5 overflow-auto px-2 pb-2">
        {places.map(({ label, to, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            params={{ workspace }}
            activeOptions={{ exact: to === "/w/$workspace" }}
            className="flex h-8 items-center gap-2.5 rounded-md px-2.5 hover:bg-sunken"
            activeProps={{ className: "!bg-accent-soft text-accent font-medium", "aria-current": "page" }}
          >
            <Icon size={16} aria-hidden /> {label}
          </Link>
        ))}
      </nav>
      <Who />
    </div>
  );
}

function WorkspacePicker() {
  const workspace = useWorkspace();
  const workspaces = useQuery(workspacesQuery);
  const navigate = useNavigate();
  return (
    <Select aria-label="Workspace" value={workspace} onChange={(event) => void navigate({ to: "/w/$workspace", params: { workspace: event.target.value } })}>
      {(workspaces.data ?? [{ id: workspace, name: workspace }]).map((each) => (
        <option key={each.id} value={each.id}>
          {each.name}
        </option>
      ))}
    </Select>
  );
}

function Who() {
  const who = useQuery(whoQuery);
  const theme = useTheme();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const ThemeIcon = THEME_ICONS[theme];
  async function leave() {
    await signOut();
    queries.clear();
    await navigate({ to: "/sign-in", search: {} });
  }
  return (
    <div className="flex items-center gap-1 border-t border-line px-3 py-2">
      <span className="min-w-0 flex-1 truncate text-[13px] text-muted" title={who.data?.email}>
        {who.data?.email}
      </span>
      <IconButton label={`Colours: ${theme}`} onClick={() => setTheme(NEXT[theme])}>
        <ThemeIcon size={15} aria-hidden />
      </IconButton>
      <IconButton label="Sign out" onClick={() => void leave()}>
        <LogOut size={15} aria-hidden />
      </IconButton>
    </div>
  );
}
