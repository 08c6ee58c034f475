// @vitest-environment node
import { deflateRawSync, gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { write } from "@/results/shape";

import { unpack, type Files } from "./archive";
import { contentsOf } from "./items";

const bytes = (text: string) => new TextEncoder().encode(text);
const files = (texts: Record<string, string>): Files => new Map(Object.entries(texts).map(([name, text]) => [name, bytes(text)]));

function tar(texts: Record<string, string>): Uint8Array {
  const blocks: Buffer[] = [];
  for (const [name, text] of Object.entries(texts)) {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write(Buffer.byteLength(text).toString(8).padStart(11, "0"), 124);
    head.write("0", 156);
    head.write("ustar", 257);
    blocks.push(head, Buffer.concat([Buffer.from(text), Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512)]));
  }
  return new Uint8Array(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function zip(texts: Record<string, string>): Uint8Array {
  const locals: Buffer[] = [];
  const index: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(texts)) {
    const packed = deflateRawSync(Buffer.from(text));
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), packed);
    index.push(entry, Buffer.from(name));
    at += 30 + Buffer.byteLength(name) + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(texts).length, 10);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...locals, ...index, end]));
}

const TEXTS = { "f/a/b.py": "x = 'ü'\n", "f/a/b.script.json": '{"summary":"B"}' };

describe("archives", () => {
  it.each([
    ["tar", tar(TEXTS)],
    ["tar.gz", new Uint8Array(gzipSync(tar(TEXTS)))],
    ["zip", zip(TEXTS)],
  ])("are read as %s", async (_, packed) => {
    const found = await unpack(packed);
    expect(Object.fromEntries([...found].map(([name, body]) => [name, new TextDecoder().decode(body)]))).toEqual(TEXTS);
  });
  it("that are none are refused", async () => {
    await expect(unpack(bytes("hello"))).rejects.toThrow("neither a zip nor a tar");
    await expect(unpack(zip(TEXTS).subarray(0, 60))).rejects.toThrow("breaks off");
  });
});

describe("contents", () => {
  it("of the API's archive", () => {
    const { items, left } = contentsOf(
      files({
        "f/shop/report.py": "def main():\n    return 1\n",
        "f/shop/report.script.json": '{"summary":"Report","lock":"","kind":"script"}',
        "f/shop/nightly.schedule.json": '{"schedule":"0 0 2 * * *","timezone":"UTC","script_path":"f/shop/report"}',
        "u/ann/key.variable.json": '{"value":"c2VhbGVkIGJ5IHdpbmQ=","is_secret":true}',
        "u/ann/sealed.variable.json": '{"value":"AAAAAAAAAAAAAAAAAAAAAA==","is_secret":true}',
        "weather.resource-type.json": '{"schema":{}}',
        "f/shop/front.app.json": "{}",
        "settings.json": "{}",
      }),
    );
    expect(items.map((each) => `${each.kind} ${each.path} ${each.fault ? "!" : ""}`.trim())).toEqual(["folder shop", "resource type weather", "variable u/ann/key", "variable u/ann/sealed !", "script f/shop/report", "schedule f/shop/nightly"]);
    expect(items.find((each) => each.kind === "script")?.body).toMatchObject({ language: "python3", content: "def main():\n    return 1\n", summary: "Report" });
    expect(left.map((each) => each.file)).toEqual(["f/shop/front.app.json", "settings.json"]);
  });
  it.each([
    ["big.resource.json", '{"value":{"id":9007199254740993,"rate":1.10},"resource_type":"any"}'],
    ["big.resource.yaml", "value:\n  id: 9007199254740993\n  rate: 1.10\n  1: one\nresource_type: any\n"],
  ])("keep the digits of numbers in %s", (name, text) => {
    const [, item] = contentsOf(files({ [`f/a/${name}`]: text })).items;
    expect(write(item!.body.value!, 0)).toMatch(/"id": 9007199254740993,\s*"rate": 1\.10/);
  });
  it("tell of what is no JSON or YAML", () => {
    const { left } = contentsOf(files({ "f/a/x.resource.json": '{"value": ', "f/a/y.resource.yaml": "a: [1", "f/a/z.variable.yaml": "just text" }));
    expect(left.map((each) => each.why.slice(0, 18))).toEqual(["It cannot be read:", "It cannot be read:", "It cannot be read:"]);
  });
  it("of a folder of the command line, inside of a folder", () => {
    const { items, left } = contentsOf(
      files({
        "repo/wmill.yaml": "defaultTs: bun",
        "repo/f/shop/folder.meta.yaml": "summary: The shop\nowners: [u/ann]\nextra_perms: {g/all: false}",
        "repo/f/shop/load.pg.sql": "select 1",
        "repo/f/shop/load.script.yaml": "summary: Load\nlock: '!inline f/shop/load.script.lock'",
        "repo/f/shop/load.script.lock": "# lock",
        "repo/f/shop/all.flow/flow.yaml": "summary: All\nvalue:\n  modules:\n    - id: a\n      value:\n        type: rawscript\n        language: python3\n        content: '!inline a.inline_script.py'",
        "repo/f/shop/all.flow/a.inline_script.py": "def main(): pass\n",
        "repo/f/shop/lost.script.yaml": "summary: Lost",
        "repo/f/shop/torn.flow/flow.yaml": "value: {modules: [{value: {content: '!inline gone.py'}}]}",
      }),
    );
    expect(items.map((each) => `${each.kind} ${each.path}`)).toEqual(["folder shop", "script f/shop/load", "script f/shop/lost", "flow f/shop/all"]);
    expect(items[1]!.body).toMatchObject({ language: "postgresql", content: "select 1", lock: "# lock" });
    expect(items[2]!.fault).toContain("not in the archive");
    expect(JSON.stringify(items[3]!.body)).toContain("def main(): pass");
    expect(left).toEqual([{ file: "f/shop/torn.flow/flow.yaml", why: "It cannot be read: gone.py, which it names, is not in the archive." }]);
  });
});
