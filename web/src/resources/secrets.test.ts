import { expect, it } from "vitest";

import { parse, write } from "@/results/shape";

import { beginningOf, plainSecrets, withReferences } from "./secrets";

const SCHEMA = {
  type: "object",
  properties: {
    port: { type: "integer", default: 5432 },
    password: { type: "string", password: true },
    credential: { type: "object", default: {}, properties: { password: { type: "string", password: true } } },
    keys: { type: "array", items: { type: "object", properties: { pem: { type: "string", password: true } } } },
  },
};

it("finds secrets at any depth, but no references and no empty ones", () => {
  const value = parse('{"password":"a","credential":{"password":"b"},"keys":[{"pem":"c"},{"pem":"$var:u/x/y"},{"pem":""}],"other":"d"}');
  expect(plainSecrets(SCHEMA, value)).toEqual([
    { place: ["password"], text: "a" },
    { place: ["credential", "password"], text: "b" },
    { place: ["keys", "0", "pem"], text: "c" },
  ]);
});

it("puts references where they were, and keeps digits", () => {
  const value = parse('{"port":1.10,"credential":{"password":"b"},"keys":[{"pem":"c"}]}');
  const paths = new Map([["credential/password", "u/me/db_password"], ["keys/0/pem", "u/me/db_pem"]]);
  expect(write(withReferences(value, paths), 0).replaceAll("\n", "")).toBe('{"port": 1.10,"credential": {"password": "$var:u/me/db_password"},"keys": [{"pem": "$var:u/me/db_pem"}]}');
});

it("begins with the defaults of what is always there", () => {
  expect(beginningOf(SCHEMA)).toEqual({ port: 5432 });
});
