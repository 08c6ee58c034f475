/** Content of users, shown where it can do nothing: no script, no form, no link out of the frame, nothing of our origin. */
import { NONCE } from "./nonce";

const STYLE = `:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;margin:12px;overflow-wrap:anywhere}
pre,code{font:13px ui-monospace,monospace}pre{overflow:auto;padding:8px;background:color-mix(in srgb,currentColor 8%,transparent)}
table{border-collapse:collapse}td,th{border:1px solid color-mix(in srgb,currentColor 25%,transparent);padding:3px 8px}img{max-width:100%}`;

export function SafeFrame({ html, title }: { html: string; title: string }) {
  const page = `<!doctype html><meta charset="utf-8"><style nonce="${NONCE}">${STYLE}</style>${html}`;
  return <iframe title={title} sandbox="" srcDoc={page} referrerPolicy="no-referrer" className="h-96 w-full resize-y overflow-auto rounded border border-line" />;
}
