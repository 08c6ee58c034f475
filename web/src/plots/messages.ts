/** What a page and the frame that draws a plot for it tell each other. */
export type Library = "vega" | "plotly";

export interface Draw {
  kind: "draw";
  library: Library;
  /** The specification, numbers as JavaScript has them. */
  spec: unknown;
  dark: boolean;
}

/** `height` is in pixels of CSS. */
export type Told = { kind: "ready" } | { kind: "drawn"; height: number } | { kind: "failed"; message: string } | { kind: "picture"; svg: string };

export type Asked = Draw | { kind: "picture" };
