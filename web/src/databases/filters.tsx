/** The conditions that the rows fulfil, and one more. */
import { Filter, X } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "@/ui/button";
import { Input, Select } from "@/ui/field";

import { needsValue, OPERATORS, typedValue, type Condition, type Operator } from "./conditions";

interface FiltersProps {
  columns: readonly { name: string; kind: string }[];
  conditions: readonly Condition[];
  onConditions: (conditions: Condition[]) => void;
}

export function Filters({ columns, conditions, onConditions }: FiltersProps) {
  const [column, setColumn] = useState("");
  const [operator, setOperator] = useState<Operator>("=");
  const [text, setText] = useState("");
  const chosen = columns.find((each) => each.name === column) ?? columns[0];
  return (
    <div className="flex flex-wrap items-center gap-1.5">
      {conditions.map((each, index) => (
        <span key={index} className="flex items-center rounded-md bg-accent-soft pl-2 font-mono text-xs text-accent">
          {each.column} {each.operator} {needsValue(each.operator) && each.value}
          <IconButton label={`Without ${each.column} ${each.operator}`} onClick={() => onConditions(conditions.filter((_, at) => at !== index))}>
            <X size={12} aria-hidden />
          </IconButton>
        </span>
      ))}
      <form
        className="flex flex-wrap items-center gap-1"
        onSubmit={(event) => {
          event.preventDefault();
          if (!chosen) return;
          onConditions([...conditions, { column: chosen.name, operator, value: needsValue(operator) ? typedValue(text, operator === "contains" || operator === "begins" ? "text" : chosen.kind) : "null" }]);
          setText("");
        }}
      >
        <Select aria-label="Column" className="!h-7 !w-32 !py-0 text-[13px]" value={chosen?.name ?? ""} onChange={(event) => setColumn(event.target.value)}>
          {columns.map((each) => (
            <option key={each.name} value={each.name}>
              {each.name}
            </option>
          ))}
        </Select>
        <Select aria-label="Comparison" className="!h-7 !w-28 !py-0 text-[13px]" value={operator} onChange={(event) => setOperator(event.target.value as Operator)}>
          {OPERATORS.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </Select>
        {needsValue(operator) && <Input aria-label="Value" className="!h-7 !w-36 text-[13px]" value={text} onChange={(event) => setText(event.target.value)} />}
        <Button small type="submit" icon={<Filter size={13} aria-hidden />}>
          Filter
        </Button>
      </form>
    </div>
  );
}
