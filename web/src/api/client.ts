/** The one door to the server: typed by its own OpenAPI document, errors as values that can be shown. */
import createClient, { type Middleware } from "openapi-fetch";

import type { paths } from "./schema";

/** What the server refused or could not do, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Stable, such as `not_found`; "" where no server answered. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const CSRF = { "X-Tidemill-CSRF": "1" };

/** Called when the session has ended; set by the app. */
let onSignedOut: () => void = () => undefined;

export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

async function refused(response: Response): Promise<ApiError> {
  const code = response.headers.get("X-Tidemill-Error") ?? "";
  const text = await response.text();
  return new ApiError(response.status, code, text || `The server answered ${response.status}.`);
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  if (response.status === 401) onSignedOut();
  throw await refused(response);
}

async function send(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(input, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer. Is it running, and is the network there?");
  }
}

const guard: Middleware = {
  async onResponse({ response }) {
    return checked(response);
  },
};

export const api = createClient<paths>({ headers: CSRF, fetch: (request) => send(request) });
api.use(guard);

/** For what has no type in the document: streams, files, raw text. Same errors. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  return checked(await send(path, { ...init, headers: { ...CSRF, ...init.headers } }));
}

/** The data of an answer: a refusal was thrown before. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** A path of the API below a workspace, each part escaped. */
export function workspaceUrl(workspace: string, ...parts: string[]): string {
  return ["/api/w", workspace, ...parts].map((part, index) => (index === 0 ? part : part.split("/").map(encodeURIComponent).join("/"))).join("/");
}
