"""Expressions that try to get out, or to take what they must not have: time, memory, the interpreter, other values.

They run where those of flows do, in a confined process.
"""

from collections.abc import Iterator

import pytest

from tests.unit.expressions.knowing import Knowing
from tidemill.engine.expressions.javascript import Given, Limits, Touched
from tidemill.evaluators.messages import ask, question_of
from tidemill.evaluators.process import Evaluator
from tidemill.model.errors import ExpressionFailed

SECRET = "s3cr3t-of-another"
LIMITS = Limits(time_s=0.02, memory_bytes=8 << 20)
MOST_CPU_S = 2.0


class Confined:
    """`Run` in an evaluator, which is made anew where an expression has ended it."""

    def __init__(self) -> None:
        self.evaluator = self._started()

    def __call__(self, expression: str, given: Given, *, names: list[str], limits: Limits) -> bytes | Touched:
        if not self.evaluator.is_alive:
            self.evaluator = self._started()
        question = question_of(expression, given, names=names, limits=limits)
        return self.evaluator.ask(ask(question), limits=limits).told()

    @staticmethod
    def _started() -> Evaluator:
        evaluator = Evaluator()
        evaluator.get_ready()
        return evaluator


@pytest.fixture(scope="module")
def confined() -> Iterator[Confined]:
    found = Confined()
    yield found
    found.evaluator.close()


HOST_NAMES = [
    "process", "require", "module", "exports", "global", "window", "self", "document", "Deno", "Bun", "std", "os",
    "print", "console", "load", "loadScript", "loadFile", "scriptArgs", "__loadScript", "fetch", "XMLHttpRequest",
    "WebSocket", "Worker", "setTimeout", "setInterval", "setImmediate", "importScripts", "postMessage", "navigator",
    "WebAssembly", "Buffer", "__dirname", "__filename", "quickjs", "python", "builtins", "gc", "bjson", "Std", "exec",
]  # fmt: skip
"""What other hosts have, and this one does not."""

ABSENT = [
    *(f"typeof {name}" for name in HOST_NAMES),
    *(f"typeof globalThis['{name}']" for name in ("process", "require", "std", "os", "print", "python")),
    "typeof this.process",
    "typeof Function('return this')().process",
    "typeof (0, eval)('this').require",
    "typeof (() => {}).constructor('return this')().process",
    "typeof [].constructor.constructor('return globalThis')().std",
    "typeof ''.constructor.constructor('return os')()",
    "typeof results.constructor.constructor('return this')().process",
    "typeof variable.constructor('return this')().process",
    "typeof variable.caller",
    "typeof variable.__globals__",
    "typeof variable.__class__",
    "typeof flow_input.__class__",
    "typeof flow_input.__subclasses__",
    "typeof new Error().stack.process",
    "typeof Error.captureStackTrace?.({}).process",
    "typeof Reflect.ownKeys(globalThis).find((name) => /process|require|^std$|^os$|python/i.test(String(name)))",
    "typeof globalThis.results?.__proto__?.process",
]
"""Each gives "undefined", unless an exception says that there is nothing of the kind."""

REFUSED = [
    "import('os')",
    "import('std')",
    "import os from 'os'",
    "import.meta.url",
    "new Function('return import(\"os\")')()",
    "require('child_process').execSync('id')",
    "process.mainModule.require('fs')",
    "process.binding('fs')",
    "this.constructor.constructor('return process')().env",
    "({}).constructor.constructor('return process')().exit()",
    "(function () { return arguments.callee.caller.caller.x })()",
    "(async () => (await import('os')).getenv('PATH'))()",
    "variable.call.call.call",
    "variable('u/other/secret')",
    "variable({toString() { return 'u/other/secret' }})",
    "resource('../../u/other/secret')",
    "variable.apply(null, ['u/other/secret'])",
    "Reflect.apply(variable, {}, ['u/other/secret'])",
    "variable(new Proxy({}, {get: () => () => 'u/other/secret'}))",
    "[variable].map((f) => f('u/other/secret'))",
    "globalThis.variable = () => 1; variable('u/other/secret')",
    "Object.defineProperty(globalThis, 'variable', {value: () => 1})",
    "Object.defineProperty(globalThis, 'flow_input', {value: 1})",
    "Object.defineProperty(InternalError.prototype, 'toString', {value: 1})",
    "Object.defineProperty(InternalError.prototype, 'x', {value: 1})",
    "'use strict'; Error.prepareStackTrace = () => 1",
    "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 60000)",
    "new RegExp('('.repeat(100000))",
    "JSON.parse('['.repeat(1000000))",
    "eval('('.repeat(90000))",
    "eval('['.repeat(90000))",
    "Function('{'.repeat(90000))",
    "eval('a=>'.repeat(90000) + '1')",
    "eval('-'.repeat(90001).replaceAll('--', '- -') + '1')",
    "(function f() { return f() + 1 })()",
    "(function f() { try { f() } finally { f() } })()",
    "const f = () => [1].map(f); f()",
    "const o = {get a() { return this.a }}; o.a",
    "const p = new Proxy({}, {get: (t, k, r) => r[k]}); p.x",
    "const o = {toString() { return '' + this }}; '' + o",
    "({toJSON() { return {o: this} }})",
    "let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; o",
    "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a",
    "let a = []; for (let i = 0; i < 600; i++) a = [a]; a",
    "'x'.replace(/x/, () => { throw 1 })",
    "'\\udc00'.normalize() + ''",
    "JSON.rawJSON('{')",
    "throw null",
    "throw undefined",
    "throw Symbol('x')",
    "throw {get message() { throw 1 }}",
    "throw {toJSON() { throw 1 }}",
    "throw new Proxy({}, {get() { throw 1 }, ownKeys() { throw 2 }})",
    "throw new Proxy(new Error('x'), {get() { throw 1 }, getPrototypeOf() { throw 2 }})",
    "class E extends Error { get name() { throw 1 } } throw new E()",
    "Error.prototype.toString = () => { throw 1 }; null.x",
    "new Proxy({}, {ownKeys() { throw 1 }})",
    "({toJSON() { throw new Error('no') }})",
    "JSON.stringify = () => '}{'; nothing",
    "Array.prototype[Symbol.iterator] = null; nothing.x",
    "new (class { constructor() { return variable } })().x.y",
    "globalThis.results = 1; results.x.y.z",
    "delete globalThis.flow_input; delete flow_input.nothing.x",
    "with (flow_input) { nothing }",
]
"""Each is an error, and one that can be shown."""

ENDLESS = [
    "while (true);",
    "for (;;) {}",
    "do { } while (1)",
    "for (;;) { try { for (;;); } catch { } finally { continue } }",
    "try { while (1); } catch { 1 }",
    "try { while (1); } finally { while (1); }",
    "[1, 2, 3].sort(() => { while (1); })",
    "[1].map(() => { while (1); })",
    "JSON.parse('[1]', () => { while (1); })",
    "JSON.stringify({get a() { while (1); }})",
    "({get a() { while (1); }})",
    "({toJSON() { while (1); }})",
    "new Proxy({}, {ownKeys() { while (1); }})",
    "variable({toString() { while (1); }})",
    "`${{toString() { while (1); }}}`",
    "throw {get message() { while (1); }, toJSON() { while (1); }}",
    "throw {toString() { while (1); }, get stack() { while (1); }, toJSON() { while (1); }}",
    "throw new Proxy({}, {get() { while (1); }})",
    "class E extends Error { get name() { while (1); } } throw new E()",
    "class E extends Error { get message() { while (1); } } throw new E()",
    "Error.prepareStackTrace = () => { while (1); }; while (1);",
    "InternalError.prototype.toString = () => { while (1); }; while (1);",
    "Error.prototype.toString = () => { while (1); }; while (1);",
    "Object.defineProperty(Error.prototype, 'name', {get() { while (1); }}); while (1);",
    "Object.defineProperty(Object.prototype, 'stack', {get() { while (1); }}); while (1);",
    "Object.prototype.toString = () => { while (1); }; while (1);",
    "Object.setPrototypeOf(Error.prototype, new Proxy({}, {get() { while (1); }})); while (1);",
    "Error.prototype[Symbol.toPrimitive] = () => { while (1); }; while (1);",
    "Object.prototype[Symbol.toPrimitive] = () => { while (1); }; while (1);",
    "Object.prototype.toString = Object.prototype.valueOf = () => { while (1); }; for (;;);",
    "globalThis.InternalError = class { toString() { while (1); } }; while (1);",
    "/(a+)+$/.test('a'.repeat(40) + 'b')",
    "/(a|aa)+$/.test('a'.repeat(60) + 'b')",
    "/(.*a){25}/.test('a'.repeat(40))",
    "/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(50))",
    "/(?:(?:)*)*x/.test('y'.repeat(1000)) || (() => { while (1); })()",
    "'a'.repeat(50).replace(/(a+)+b/, '')",
    "'a'.repeat(50).split(/(a+)+b/)",
    "(function* () { while (1) yield 1 })().toArray()",
    "[...(function* () { while (1); })()]",
    "for (const x of {[Symbol.iterator]: () => ({next: () => ({done: false})})});",
    "new Promise(() => { while (1); })",
    "eval('while (1);')",
    "new Function('while (1);')()",
    "(0, eval)('for (;;);')",
    "Reflect.construct(function () { while (1); }, [])",
    "let n = 1n; while (1) n = (n * 7n) % 1000003n",
    "new Date({valueOf() { while (1); }})",
    "Object.defineProperty(Array.prototype, '0', {set() { while (1); }}); while (1);",
    "label: while (1) continue label",
    "(function f() { try { f() } catch { f() } })()",
]

BOMBS = [
    "'x'.repeat(2 ** 30)",
    "'x'.repeat(2 ** 28)",
    "'x'.padEnd(2 ** 29)",
    "let s = 'x'; for (;;) s += s",
    "let s = '\u1234'; for (;;) s += s",
    "let a = []; for (;;) a.push('x'.repeat(100000) + a.length)",
    "let a = []; for (;;) a.push(a.slice())",
    "new Array(2 ** 32 - 1).fill(0)",
    "new Array(1e8).join('x')",
    "Array.from({length: 1e9})",
    "new ArrayBuffer(2 ** 33)",
    "new Uint8Array(2 ** 31)",
    "new SharedArrayBuffer(2 ** 31)",
    "new ArrayBuffer(8, {maxByteLength: 2 ** 40}).resize(2 ** 39)",
    "[...'x'.repeat(1e8)]",
    "'x'.repeat(1e7).replace(/x/g, 'y'.repeat(100))",
    "'x'.repeat(1e6).split('').map((c) => c.repeat(1000))",
    "Object.fromEntries(Array.from({length: 1e7}, (_, i) => ['k' + i, i]))",
    "let m = new Map(); for (let i = 0; ; i++) m.set(i, {})",
    "let o = {}; for (let i = 0; ; i++) o['k' + i] = i",
    "1n << (1n << 40n)",
    "10n ** 10000000n",
    "let n = 2n; for (;;) n *= n",
    "BigInt('9'.repeat(10000000))",
    "JSON.stringify('x'.repeat(2 ** 28))",
    "JSON.parse('[' + '0,'.repeat(1e7) + '0]')",
    "Array.from({length: 1e5}, () => new Array(1e5).fill(1))",
    "'a'.normalize('NFKD').repeat(1e9)",
    "eval('[' + '1,'.repeat(1e7) + ']')",
    "encodeURIComponent('\u1234'.repeat(1e8))",
    "btoa('x'.repeat(1e8))",
    "String.raw({raw: 'x'.repeat(1e8)}, ...Array(1e6))",
    "new Error('x'.repeat(1e9))",
    "structuredClone ? 1 : 2",
]


@pytest.mark.parametrize("expression", ABSENT)
def test_there_is_no_host(expression: str, confined: Confined) -> None:
    try:
        answer = Knowing(run=confined, roots={"flow_input": b"{}"}).evaluate(expression, limits=LIMITS)
    except ExpressionFailed:
        return
    assert answer == b'"undefined"'


@pytest.mark.parametrize("expression", REFUSED)
def test_refused(expression: str, confined: Confined) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        Knowing(run=confined, roots={"flow_input": b"{}"}).evaluate(expression, limits=LIMITS)
    assert len(str(failed.value)) < 2000


@pytest.mark.parametrize("expression", ENDLESS)
def test_an_endless_expression_is_ended(expression: str, confined: Confined) -> None:
    before_s = confined.evaluator.cpu_s()
    with pytest.raises(ExpressionFailed, match=r"took more than 0\.02 s|too deeply|promise|out of memory"):
        Knowing(run=confined).evaluate(expression, limits=LIMITS)
    assert confined.evaluator.is_alive
    assert confined.evaluator.cpu_s() - before_s < MOST_CPU_S


@pytest.mark.parametrize("expression", BOMBS)
def test_memory_is_bound(expression: str, confined: Confined) -> None:
    """It may as well run out of time on the way."""
    with pytest.raises(ExpressionFailed):
        Knowing(run=confined).evaluate(expression, limits=LIMITS)


def test_there_are_as_many_attempts_as_promised() -> None:
    attempts = [*ABSENT, *REFUSED, *ENDLESS, *BOMBS]
    assert len(set(attempts)) == len(attempts) >= 150


def test_nothing_stays_behind_for_the_next_evaluation(confined: Confined) -> None:
    known = Knowing(run=confined, roots={"flow_input": b'{"secret": "%s"}' % SECRET.encode()})
    known.evaluate("globalThis.kept = flow_input.secret; Object.prototype.kept = kept; Array.prototype.kept = kept")
    for expression in ("typeof globalThis.kept", "typeof ({}).kept", "typeof [].kept", "typeof kept"):
        assert Knowing(run=confined, roots={"flow_input": b"{}"}).evaluate(expression) == b'"undefined"'


@pytest.mark.parametrize(
    "setup",
    [
        "JSON.stringify = () => '1'; JSON.parse = () => 1;",
        "Map.prototype.get = () => 1; Map.prototype.set = () => 1;",
        "Array.prototype[Symbol.iterator] = () => ({next: () => ({done: true})});",
        "Object.prototype.toJSON = undefined; String.prototype.slice = () => 'x';",
        "Object.defineProperty(Object.prototype, 'value', {value: 1, writable: true});",
        "Reflect.apply = () => 1; Function.prototype.call = () => 1; Function.prototype.apply = () => 1;",
        "globalThis.String = () => 1; globalThis.Proxy = null; globalThis.Error = null; globalThis.BigInt = null;",
        "Number.isFinite = () => true; globalThis.Number = null; RegExp.prototype.exec = () => null;",
    ],
)
def test_meddling_with_the_library_changes_nothing_of_ours(setup: str, confined: Confined) -> None:
    known = Knowing(run=confined, results={"a": b'{"n": 12345678901234567890, "d": 1.5}', "b": b"[1]"})
    expression = f"{setup} return [results.a.n, results.a.d, results.b[0]]"
    assert known.evaluate(expression) == b"[12345678901234567890,1.5,1]"
    with pytest.raises(ExpressionFailed, match="gives NaN"):
        known.evaluate(f"{setup} return 0 / 0")


def test_what_user_code_writes_as_json_is_checked(confined: Confined) -> None:
    """`rawJSON` is the one way to write the answer itself; it takes nothing that is not JSON, and we look again."""
    assert Knowing(run=confined).evaluate("JSON.rawJSON('1.50')") == b"1.50"
    with pytest.raises(ExpressionFailed):
        Knowing(run=confined).evaluate("JSON.rawJSON('\"\\\\ud800\"')")
