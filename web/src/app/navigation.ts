/** What the side bar and the command palette lead to. */
import { Activity, Boxes, Braces, CalendarClock, Code2, Database, FileDown, FolderTree, HardDrive, House, KeyRound, ScrollText, Server, Settings, Users, UsersRound, Workflow, type LucideIcon } from "lucide-react";

export interface Place {
  label: string;
  to:
    | "/w/$workspace"
    | "/w/$workspace/scripts"
    | "/w/$workspace/flows"
    | "/w/$workspace/runs"
    | "/w/$workspace/schedules"
    | "/w/$workspace/databases"
    | "/w/$workspace/storages"
    | "/w/$workspace/resources"
    | "/w/$workspace/variables"
    | "/w/$workspace/states"
    | "/w/$workspace/workers"
    | "/w/$workspace/folders"
    | "/w/$workspace/members"
    | "/w/$workspace/groups"
    | "/w/$workspace/audit"
    | "/w/$workspace/settings"
    | "/w/$workspace/import";
  icon: LucideIcon;
  /** Shown only to admins of the workspace. */
  adminOnly?: boolean;
  /** Found by the palette alone: another place leads to it. */
  isHidden?: boolean;
}

export const PLACES: Place[] = [
  { label: "Home", to: "/w/$workspace", icon: House },
  { label: "Scripts", to: "/w/$workspace/scripts", icon: Code2 },
  { label: "Flows", to: "/w/$workspace/flows", icon: Workflow },
  { label: "Runs", to: "/w/$workspace/runs", icon: Activity },
  { label: "Schedules", to: "/w/$workspace/schedules", icon: CalendarClock },
  { label: "Databases", to: "/w/$workspace/databases", icon: Database },
  { label: "Storage", to: "/w/$workspace/storages", icon: HardDrive },
  { label: "Resources", to: "/w/$workspace/resources", icon: Boxes },
  { label: "Variables", to: "/w/$workspace/variables", icon: KeyRound },
  { label: "States", to: "/w/$workspace/states", icon: Braces },
  { label: "Workers", to: "/w/$workspace/workers", icon: Server },
  { label: "Folders", to: "/w/$workspace/folders", icon: FolderTree },
  { label: "Members", to: "/w/$workspace/members", icon: Users },
  { label: "Groups", to: "/w/$workspace/groups", icon: UsersRound, isHidden: true },
  { label: "Audit", to: "/w/$workspace/audit", icon: ScrollText },
  { label: "Settings", to: "/w/$workspace/settings", icon: Settings },
  { label: "Import from Windmill", to: "/w/$workspace/import", icon: FileDown, isHidden: true },
];

/** Parts of the settings, for the palette. */
export const SETTINGS: { section: string; label: string; who?: "admin" | "superadmin" }[] = [
  { section: "account", label: "Account and password" },
  { section: "tokens", label: "Tokens" },
  { section: "access-keys", label: "S3 access keys" },
  { section: "workspace", label: "Workspace: name, handlers, archive", who: "admin" },
  { section: "workspaces", label: "All workspaces", who: "superadmin" },
  { section: "accounts", label: "Accounts", who: "superadmin" },
  { section: "instance", label: "Instance: keys and settings", who: "superadmin" },
];
