/** A list of what lives at paths: filtered by text and by owner, both kept in the URL. */
import type { ReactNode } from "react";

import type { ItemsSearch } from "@/app/router";
import { Input, Select } from "@/ui/field";
import { VirtualList } from "@/ui/list";
import { PageHead } from "@/ui/panel";
import { Empty, Shown } from "@/ui/states";
import { Ago } from "@/ui/time";

import { ownerOf } from "./owner";

interface Item {
  path: string;
  description: string;
  edited_at: string;
}

interface Query<T> {
  data: T[] | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

interface ItemsViewProps<T extends Item> {
  title: string;
  hint: string;
  query: Query<T>;
  search: ItemsSearch;
  onSearch: (search: ItemsSearch) => void;
  open: (item: T) => void;
  /** More filters, and the button for a new one. */
  filters?: ReactNode;
  create?: ReactNode;
  keep?: (item: T) => boolean;
  /** What its row begins with; its path then stands below in the place of its description. */
  name?: (item: T) => string;
  icon: (item: T) => ReactNode;
  badges: (item: T) => ReactNode;
  empty: ReactNode;
}


export function ItemsView<T extends Item>({ title, hint, query, search, onSearch, open, filters, create, keep, name, icon, badges, empty }: ItemsViewProps<T>) {
  const wanted = (search.q ?? "").toLowerCase();
  const all = query.data ?? [];
  const owners = [...new Set([...(search.owner ? [search.owner] : []), ...all.map((each) => ownerOf(each.path))])].sort();
  const found = all.filter((each) => `${each.path} ${each.description}`.toLowerCase().includes(wanted) && (!search.owner || ownerOf(each.path) === search.owner) && (keep?.(each) ?? true));
  return (
    <div className="flex h-full flex-col">
      <PageHead title={title} hint={hint} actions={create} />
      <div className="flex flex-wrap items-center gap-2 px-4 pb-3 lg:px-6">
        <Input type="search" aria-label="Filter" placeholder={`Filter by path or ${name ? "summary" : "description"}`} className="!w-64 max-w-full" value={search.q ?? ""} onChange={(event) => onSearch({ ...search, q: event.target.value || undefined })} />
        <Select aria-label="Owner" className="!w-44 font-mono" value={search.owner ?? ""} onChange={(event) => onSearch({ ...search, owner: event.target.value || undefined })}>
          <option value="">All owners</option>
          {owners.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </Select>
        {filters}
        {query.data && (
          <span className="ml-auto text-[13px] text-muted">
            {found.length === all.length ? all.length : `${found.length} of ${all.length}`}
          </span>
        )}
      </div>
      <div className="min-h-0 flex-1 border-t border-line bg-panel">
        <Shown query={query} what={title.toLowerCase()}>
          {() =>
            all.length === 0 ? (
              empty
            ) : found.length === 0 ? (
              <Empty title="Nothing matches">Try fewer letters, or all owners.</Empty>
            ) : (
              <VirtualList
                items={found}
                label={title}
                keyOf={(each) => each.path}
                height={52}
                open={open}
                row={(each) => (
                  <>
                    <span className="mr-3 flex size-8 shrink-0 items-center justify-center rounded-md bg-sunken text-muted">{icon(each)}</span>
                    <span className="min-w-0 flex-1">
                      <span className="block truncate font-medium">{name ? name(each) : each.path}</span>
                      {name ? <span className="block truncate font-mono text-xs text-muted">{each.path}</span> : <span className="block truncate text-[13px] text-muted">{each.description.split("\n")[0] || "–"}</span>}
                    </span>
                    <span className="ml-3 flex shrink-0 gap-1.5">{badges(each)}</span>
                    <span className="hidden w-28 text-right text-[13px] text-muted sm:block">
                      <Ago at={each.edited_at} />
                    </span>
                  </>
                )}
              />
            )
          }
        </Shown>
      </div>
    </div>
  );
}
