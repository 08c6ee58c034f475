// Runs in a fresh context before anything of the user's. Answers with one letter and JSON text:
// v the value, n what has to be known first, e why it failed. Each line costs on each evaluation: keep it short.
(function () {
  "use strict";
  const { parse, stringify, rawJSON } = JSON, { defineProperty } = Object, { isFinite } = Number;
  const text = String, compile = Function, evaluate = eval, Failure = Error, Unparsable = SyntaxError;
  const Proxied = Proxy, Wait = Promise, Listing = Map, Collection = Set, { apply } = Reflect, { slice } = String.prototype, { concat } = Array.prototype;

  // The engine asks the error that ends an evaluation from outside for these, when no limit holds any more.
  const fixed = (value) => ({ value, writable: false, configurable: false, enumerable: false });
  const Over = InternalError, over = Over.prototype;
  const asked = { name: "InternalError", message: "", stack: "", toString: Failure.prototype.toString, [Symbol.toPrimitive]: undefined };
  for (const name of Reflect.ownKeys(asked)) defineProperty(over, name, fixed(asked[name]));
  Object.freeze(Object.setPrototypeOf(over, null));
  defineProperty(Failure, "prepareStackTrace", fixed(undefined));
  defineProperty(Failure, "stackTraceLimit", fixed(0));
  defineProperty(BigInt.prototype, "toJSON", fixed(function () { return rawJSON(text(this)); }));

  return function (source, mode, names, table, careful, ...texts) {
    let wanted = "";
    const known = { __proto__: null, ...parse(table) }, made = { __proto__: null };

    function want(what, kind, name, path) {
      wanted = wanted || stringify([what, kind, name, path]);
      throw new Failure("not known yet");
    }

    function value(kind, name, path) {
      const key = stringify([kind, name, path]);
      if (!(key in known)) want("value", kind, name, path);
      if (!(key in made)) made[key] = read(known[key], kind, name, path);
      return made[key];
    }

    function read({ 0: form, 1: index }, kind, name, path) {
      if (form === "missing") return undefined;
      if (form === "plain") return parse(texts[index]);
      if (form === "exact") return careful.exact(texts[index]);
      return watched(form === "array" ? [] : {}, (key) => value(kind, name, apply(concat, path, [key])), () => want("whole", kind, name, path));
    }

    // Something whose members are handed over one by one; whatever else is asked of it needs `all` of it.
    function watched(sample, one, all) {
      const get = (_, key) => (typeof key === "symbol" || (key in sample && key !== "length") ? all() : one(key));
      const traps = { get, has: (_, key) => get(_, key) !== undefined, set: all, defineProperty: all, deleteProperty: all };
      return new Proxied(sample, { ...traps, ownKeys: all, getOwnPropertyDescriptor: all, preventExtensions: all, setPrototypeOf: all });
    }

    function looked_up(kind, path) {
      const item = value(kind, text(path), []);
      if (item === undefined) throw new Failure(`there is no ${kind} at '${path}', or no right to read it`);
      return item;
    }

    for (const name of parse(names)) {
      const steps = name === "results" && !('["root","results",[]]' in known)
        && watched({}, (id) => value("result", id, []), () => want("value", "root", "results", []));
      defineProperty(globalThis, name, { get: () => steps || value("root", name, []), configurable: false });
    }
    for (const kind of ["variable", "resource"]) defineProperty(globalThis, kind, fixed((path) => looked_up(kind, path)));

    try {
      const item = compiled(source, mode)();
      if (item instanceof Wait) throw new Failure("it gives a promise; expressions cannot wait");
      const answer = stringify(item, plainly);
      return flat(wanted ? "n" + wanted : "v" + (answer === undefined ? "null" : answer));
    } catch (error) {
      return flat(wanted ? "n" + wanted : "e" + told(error));
    }
  };

  // Python cannot take a text that the engine still holds as a tree of pieces.
  function flat(answer) {
    return apply(slice, answer, [0]);
  }

  // An expression; or statements, of which the last gives the value, unless a return among them does.
  function compiled(source, mode) {
    const run = parsed(`return (${source}\n)`) || statements(source);
    return mode === "parse" ? () => null : run;
  }

  function statements(source) {
    const body = compile(source);
    return parsed(`class Block { static { ${source}\n } }`) ? () => evaluate(source) : body; // no return may stand in there
  }

  function parsed(source) {
    try {
      return compile(source);
    } catch (error) {
      if (!(error instanceof Unparsable)) throw error;
    }
  }

  function plainly(key, item) {
    const kind = typeof item;
    if (kind === "number" && !isFinite(item)) throw new Failure(`it gives ${item}, which JSON does not have`);
    if (kind === "function" || kind === "symbol" || item instanceof Listing || item instanceof Collection)
      throw new Failure(`it gives a ${kind === "object" ? "Map or Set" : kind}, which JSON does not have`);
    return item;
  }

  function told(error) {
    if (error === null) return '"it threw null, which also happens where memory ends"';
    try {
      const said = error instanceof Failure || error instanceof Over ? `${text(error.name)}: ${text(error.message)}` : "it threw " + stringify(error);
      return stringify(apply(slice, said, [0, 1000]));
    } catch {
      return '"it threw something that cannot be shown"';
    }
  }
})()
