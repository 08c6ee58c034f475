/** Colours of terminals in logs: text in, runs of text with a style out. Everything else that is a control is left out. */
export interface Span {
  text: string;
  /** Classes of `LOG_COLOURS`. */
  classes: string;
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
// CSI sequences, OSC sequences (titles, links), other two-byte escapes.
const ESCAPE = /\u001b(?:\[([0-9;?]*)([ -/]*[@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

export function spansOf(line: string): Span[] {
  const spans: Span[] = [];
  const style = { bold: false, colour: "" };
  let from = 0;
  function push(text: string) {
    if (text) spans.push({ text, classes: [style.bold && "font-semibold", style.colour && `ansi-${style.colour}`].filter(Boolean).join(" ") });
  }
  for (const match of line.matchAll(ESCAPE)) {
    push(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") apply(style, match[1] ?? "");
  }
  push(line.slice(from));
  return spans;
}

function apply(style: { bold: boolean; colour: string }, codes: string): void {
  for (const code of codes.split(";").map(Number)) {
    if (code === 0) Object.assign(style, { bold: false, colour: "" });
    else if (code === 1) style.bold = true;
    else if (code === 22) style.bold = false;
    else if (code >= 30 && code <= 37) style.colour = COLOURS[code - 30]!;
    else if (code >= 90 && code <= 97) style.colour = COLOURS[code - 90]!;
    else if (code === 39) style.colour = "";
  }
}
