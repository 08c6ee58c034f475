/** What the side bar and the command palette lead to. */
import { Activity, Code2, House, type LucideIcon } from "lucide-react";

export interface Place {
  label: string;
  to: "/w/$workspace" | "/w/$workspace/scripts" | "/w/$workspace/runs";
  icon: LucideIcon;
  /** Shown only to admins of the workspace. */
  adminOnly?: boolean;
}

export const PLACES: Place[] = [
  { label: "Home", to: "/w/$workspace", icon: House },
  { label: "Scripts", to: "/w/$workspace/scripts", icon: Code2 },
  { label: "Runs", to: "/w/$workspace/runs", icon: Activity },
];
