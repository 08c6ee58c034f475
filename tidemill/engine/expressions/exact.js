// Beside the prelude where a value has numbers that JavaScript might round: reads them as what they are, or not at all.
(function () {
  "use strict";
  const { parse } = JSON, { defineProperty } = Object, { isSafeInteger, isFinite } = Number, { apply } = Reflect;
  const { exec } = RegExp.prototype, { slice } = String.prototype, { toPrecision } = Number.prototype;
  const text = String, big = BigInt, number = Number, Failure = RangeError;

  function exactly(key, item, { source }) {
    if (typeof item !== "number" || source === undefined) return item;
    if (apply(exec, /^-?\d+$/, [source]) !== null) return isSafeInteger(item) ? item : big(source);
    if (isFinite(item) && isSame(item, digits(source))) return item;
    const get = () => {
      throw new Failure(`the number ${apply(slice, source, [0, 40])} would be rounded in JavaScript; take it by a plain path`);
    };
    defineProperty(this, key, { get, enumerable: true, configurable: false });
    return item;
  }

  // The engine writes powers of two with a digit more than it takes to tell them: then as many digits as were given count.
  function isSame(item, given) {
    if (given === digits(text(item))) return true;
    const { 1: significant } = apply(exec, /^(\d+)e/, [given]) ?? { 1: "" };
    return significant.length >= 1 && significant.length <= 17 && given === digits(apply(toPrecision, item, [significant.length]));
  }

  // Significant digits and exponent, the same for all spellings of one number.
  function digits(spelled) {
    const { 1: whole, 2: part = "", 3: exponent = "0" } = apply(exec, /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/, [spelled]);
    const all = whole + part;
    let first = 0, end = all.length;
    while (all[first] === "0") first++;
    while (end > first && all[end - 1] === "0") end--;
    return first === end ? "0" : `${apply(slice, all, [first, end])}e${number(exponent) + whole.length - end}`;
  }

  return { exact: (item) => parse(item, exactly) };
})()
