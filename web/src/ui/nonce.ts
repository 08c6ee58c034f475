/** The nonce of this page's content security policy: style sheets made by the editor and in frames carry it. */
export const NONCE = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
