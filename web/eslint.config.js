import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Features (folders named by a noun) never import each other; `ui` and `api` know no feature. */
const features = ["signin", "home", "scripts", "flows", "runs", "resources", "variables", "states", "objects", "databases",
  "schedules", "workers", "audit", "members", "groups", "folders", "settings", "imports", "approvals"];

export default tseslint.config(
  { ignores: ["src/api/schema.d.ts"] },
  ...tseslint.configs.strict,
  { plugins: { "react-hooks": hooks }, rules: { ...hooks.configs.recommended.rules, "react-hooks/incompatible-library": "off", "@typescript-eslint/no-non-null-assertion": "off" } },
  {
    files: ["src/ui/**", "src/api/**"],
    rules: { "no-restricted-imports": ["error", { patterns: features.map((name) => `@/${name}/*`) }] },
  },
  ...features.map((name) => ({
    files: [`src/${name}/**`],
    rules: {
      "no-restricted-imports": ["error", { patterns: features.filter((other) => other !== name).map((other) => `@/${other}/*`) }],
    },
  })),
  {
    files: ["src/**/*.{ts,tsx}"],
    ignores: ["src/**/queries.ts", "src/api/**", "src/app/session.ts"],
    rules: { "no-restricted-globals": ["error", { name: "fetch", message: "Requests stand in queries.ts." }] },
  },
);
