/** The kinds of steps that can be added, and what each begins with. */
import { freshId, idsOf } from "@/flow/edit";
import { FAILURE, LANGUAGES, PREPROCESSOR, type FlowValue, type Step, type StepValue } from "@/flow/model";

const STARTERS: Record<string, string> = {
  python3: "def main(x: str):\n    return x\n",
  bash: 'x="$1"\necho "$x"\n',
  duckdb: "-- $least (int) = 10\nselect * from read_parquet('s3:///data/*.parquet') where amount >= $least\n",
  postgresql: "-- database f/data/warehouse\n-- $1 since (timestamptz)\nselect * from orders where created_at >= $1 limit 100\n",
  mysql: "-- database f/data/shop\n-- :since (datetime)\nselect * from orders where created_at >= :since limit 100\n",
  mssql: "-- database f/data/shop\n-- @P1 since (datetime2)\nselect top 100 * from orders where created_at >= @P1\n",
  oracledb: "-- database f/data/sales\n-- :since (date)\nselect * from orders where created_at >= :since fetch first 100 rows only\n",
  bigquery: "-- database f/data/warehouse\n-- @since (timestamp)\nselect * from sales.orders where created_at >= @since limit 100\n",
  snowflake: "-- database f/data/warehouse\n-- ? since (timestamp_ntz)\nselect * from orders where created_at >= ? limit 100\n",
  clickhouse: "-- database f/data/events\nselect * from events limit 100\n",
  mongodb: "# database f/data/documents\n# least (int) = 10\ncollection: orders\nfind:\n  amount: { $gte: { $arg: least } }\nlimit: 100\n",
  redis: "# database f/data/cache\n# key (text)\nGET $key\n",
};

const APPROVAL = `import wmill


def main():
    urls = wmill.get_resume_urls()
    print(urls["approvalPage"])
    return {"description": "May it go on?"}
`;

export type Added =
  | { kind: "rawscript"; language: string }
  | { kind: "approval" | "script" | "flow" | "forloopflow" | "whileloopflow" | "branchone" | "branchall" | "identity" };

export interface Choice {
  name: string;
  words: string;
  added: Added;
}

export const LANGUAGE_CHOICES: Choice[] = Object.keys(STARTERS).map((language) => ({ name: LANGUAGES[language] ?? language, words: "written here", added: { kind: "rawscript", language } }));

export const CHOICES: Choice[] = [
  { name: "Script", words: "that is deployed", added: { kind: "script" } },
  { name: "Flow", words: "as one step", added: { kind: "flow" } },
  { name: "For each", words: "steps for every item of a list", added: { kind: "forloopflow" } },
  { name: "While", words: "steps again and again", added: { kind: "whileloopflow" } },
  { name: "One branch", words: "the first whose condition holds", added: { kind: "branchone" } },
  { name: "All branches", words: "each of them", added: { kind: "branchall" } },
  { name: "Approval", words: "wait until somebody has answered", added: { kind: "approval" } },
  { name: "Pass on", words: "the result of the step before", added: { kind: "identity" } },
];

function valueOf(added: Added): StepValue {
  switch (added.kind) {
    case "rawscript":
      return { type: "rawscript", language: added.language, content: STARTERS[added.language] ?? "", input_transforms: {} };
    case "approval":
      return { type: "rawscript", language: "python3", content: APPROVAL, input_transforms: {} };
    case "script":
    case "flow":
      return { type: added.kind, path: "", input_transforms: {} };
    case "forloopflow":
      return { type: "forloopflow", iterator: { type: "javascript", expr: "previous_result" }, modules: [], skip_failures: false };
    case "whileloopflow":
      return { type: "whileloopflow", modules: [], skip_failures: false };
    case "branchone":
      return { type: "branchone", branches: [{ summary: "", expr: "false", modules: [] }], default: [] };
    case "branchall":
      return {
        type: "branchall",
        branches: [
          { summary: "", skip_failure: false, modules: [] },
          { summary: "", skip_failure: false, modules: [] },
        ],
        parallel: false,
      };
    case "identity":
      return { type: "identity" };
  }
}

export function newStep(value: FlowValue, added: Added): Step {
  const id = freshId(new Set(idsOf(value)));
  const step: Step = { id, value: valueOf(added) };
  return added.kind === "approval" ? { ...step, suspend: { required_events: 1 } } : step;
}

const ON_FAILURE = `def main(error: dict):
    print(f"{error['step_id']} failed: {error['message']}")
    return error
`;

export const failureStep = (): Step => ({ id: FAILURE, value: { type: "rawscript", language: "python3", content: ON_FAILURE, input_transforms: { error: { type: "javascript", expr: "error" } } } });

const BEFORE = `def preprocessor(event):
    # event has kind, body, query and headers; what is given back is the input of the flow
    return event["body"]
`;

export const preprocessorStep = (): Step => ({ id: PREPROCESSOR, value: { type: "rawscript", language: "python3", content: BEFORE, input_transforms: {} } });
