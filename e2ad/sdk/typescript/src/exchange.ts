/**
 * A call: what is sent, when it is tried again, what the answer means (contract: published clients).
 *
 * Reads, keyed writes and what has the same effect twice are tried again after 408, 429, 5xx and lost connections, as
 * long as the server asks to wait, or 0.2, 0.4, 0.8 … 8 s less a random part. Nothing else ever is.
 */

import { answered, E2AConnectionError, E2AError, E2AServerError, E2AValidationError, isObject } from "./errors.js";
import { AutoPager, type Page } from "./pages.js";
import type { Body, Method, OperationOf, Parts, PathOf, Result } from "./shapes.js";

/** That of package.json. */
export const VERSION = "0.1.0";
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 8_000;
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Failures of which it is known that nothing was sent. */
const UNSENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** What every call takes. */
export interface CallOptions {
  /** Ends the call at once; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the server may be silent in each attempt; 0 for ever. */
  readonly timeoutMs?: number | undefined;
}

/** A write that has its effect once, however often it is sent. */
export interface KeyedOptions extends CallOptions {
  /** The same key with the same request has the effect once; a fresh one where none is given. */
  readonly idempotencyKey?: string | undefined;
}

/** A write that only happens to the version that was read. */
export interface TaggedOptions extends CallOptions {
  /** The entity tag that was read. */
  readonly ifMatch?: string | undefined;
}

/** One request, whatever its path. */
export interface Wanted {
  readonly method: string;
  readonly path: string;
  readonly query?: object | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /** Carries an `Idempotency-Key`. */
  readonly keyed?: boolean | undefined;
  /** Whether a second attempt can do no harm, where the method alone does not say it. */
  readonly retried?: boolean | undefined;
}

/** An answer, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly content: Uint8Array;
}

type More<O> = (Parts<O> extends undefined ? { readonly parts?: undefined } : { readonly parts: Parts<O> }) & {
  readonly query?: object | undefined;
  readonly body?: Body<O> | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly keyed?: boolean | undefined;
  readonly retried?: boolean | undefined;
};

export interface ExchangeSettings {
  readonly apiKey: string | undefined;
  readonly baseUrl: string;
  readonly maxRetries: number;
  readonly maxElapsedMs: number | undefined;
  readonly timeoutMs: number;
}

/** The one place that speaks HTTP. */
export class Exchange {
  readonly #settings: ExchangeSettings;

  constructor(settings: ExchangeSettings) {
    this.#settings = settings;
  }

  get baseUrl(): string {
    return this.#settings.baseUrl;
  }

  /** The `Authorization` header; empty without a key. */
  authorization(): Record<string, string> {
    const key = this.#settings.apiKey;
    return key === undefined ? {} : { Authorization: `Bearer ${key}` };
  }

  /** Have an operation carried out. */
  async call<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    given: More<OperationOf<M, P>>,
    options: CallOptions = {},
  ): Promise<Result<OperationOf<M, P>>> {
    return document(await this.#operation(method, path, given, options)) as Result<OperationOf<M, P>>;
  }

  /** The same, with the version of what is answered. */
  async tagged<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    given: More<OperationOf<M, P>>,
    options: CallOptions = {},
  ): Promise<[Result<OperationOf<M, P>>, string | null]> {
    const answer = await this.#operation(method, path, given, options);
    return [document(answer) as Result<OperationOf<M, P>>, answer.headers.get("etag")];
  }

  /** The octets of an answer that is not JSON. */
  async bytes<P extends PathOf<"get">>(
    path: P,
    given: More<OperationOf<"get", P>>,
    options: CallOptions = {},
  ): Promise<Uint8Array> {
    return (await this.#operation("get", path, given, options)).content;
  }

  /** A list, whose pages are asked for as it is read. */
  list<P extends PathOf<"get">>(
    path: P,
    given: More<OperationOf<"get", P>>,
    options: CallOptions & { readonly limit?: number | undefined },
  ): AutoPager<Result<OperationOf<"get", P>> extends { items: readonly (infer T)[] } ? T : never> {
    const { limit } = options;
    if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= 100)) {
      throw new E2AValidationError(`limit is the size of a page, 1 to 100, not ${limit}`, { code: "invalid_request" });
    }
    return new AutoPager(async (cursor) => {
      const query = { ...options, ...given.query, cursor };
      const found = document(await this.#operation("get", path, { ...given, query }, options));
      return page(found);
    });
  }

  /** One request, tried as often as that helps and harms nothing. */
  async send(wanted: Wanted, options: CallOptions = {}): Promise<Answer> {
    const { maxRetries, maxElapsedMs } = this.#settings;
    const mayRepeat = wanted.retried ?? (wanted.method.toUpperCase() !== "POST" || wanted.keyed === true);
    const headers = { ...wanted.headers };
    if (headers["Idempotency-Key"]?.trim() === "") {
      // The server would not tell a repetition by it.
      throw new E2AValidationError("an idempotency key is empty", { code: "invalid_request" });
    }
    if (wanted.keyed) headers["Idempotency-Key"] ??= crypto.randomUUID().replaceAll("-", "");
    const began = performance.now();
    for (let attempt = 0; ; attempt++) {
      let failure: E2AError;
      try {
        const answer = await this.#attempt({ ...wanted, headers }, options);
        if (answer.status >= 200 && answer.status < 300) return answer;
        failure = failureOf(answer);
      } catch (error) {
        if (!(error instanceof E2AError)) throw error;
        failure = error;
      }
      const wait = waitMs(failure, attempt);
      const late = maxElapsedMs !== undefined && performance.now() - began + wait > maxElapsedMs;
      if (attempt >= maxRetries || late || !failure.retryable || !mayRepeat) throw failure;
      await sleep(wait, options.signal);
    }
  }

  #operation(
    method: Method,
    path: string,
    given: Omit<Wanted, "method" | "path"> & { readonly parts?: Readonly<Record<string, string | number>> | undefined },
    options: CallOptions,
  ): Promise<Answer> {
    return this.send({ ...given, method: method.toUpperCase(), path: filled(path, given.parts ?? {}) }, options);
  }

  async #attempt(wanted: Wanted, options: CallOptions): Promise<Answer> {
    const { signal } = options;
    signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#settings.timeoutMs;
    const ended = new AbortController();
    const abort = (): void => ended.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const silence = new Silence(timeoutMs, () => ended.abort());
    try {
      const response = await fetch(this.#settings.baseUrl + wanted.path + queryText(wanted.query), {
        method: wanted.method,
        headers: this.#headers(wanted),
        // A key must not follow wherever an answer points.
        redirect: "manual",
        signal: ended.signal,
        ...(wanted.body === undefined ? {} : { body: JSON.stringify(wanted.body) }),
      });
      const content = await whole(response, silence);
      return { status: response.status, headers: response.headers, content };
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unanswered(error, silence.isOver ? timeoutMs : undefined);
    } finally {
      silence.end();
      signal?.removeEventListener("abort", abort);
    }
  }

  #headers(wanted: Wanted): Record<string, string> {
    const headers: Record<string, string> = {
      Accept: "application/json",
      "User-Agent": `e2ad-typescript/${VERSION}`,
      ...this.authorization(),
    };
    if (wanted.body !== undefined) headers["Content-Type"] = "application/json";
    for (const [name, value] of Object.entries(wanted.headers ?? {})) if (value !== undefined) headers[name] = value;
    return headers;
  }

  #unanswered(error: unknown, silentMs: number | undefined): E2AError {
    const { baseUrl } = this.#settings;
    const reason = innermost(error);
    const unsent = silentMs === undefined && UNSENT.has(reason.code);
    const why = silentMs === undefined ? reason.message : `silent for ${silentMs} ms`;
    const what = unsent ? "cannot be reached" : "did not answer";
    return new E2AConnectionError(`${baseUrl} ${what}: ${why}`, { maybeDone: !unsent, cause: error });
  }
}

/** A clock that starts anew with each sign of life; 0 ms never runs out. */
class Silence {
  isOver = false;
  readonly #ms: number;
  readonly #over: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number, over: () => void) {
    this.#ms = ms;
    this.#over = over;
    this.heard();
  }

  heard(): void {
    clearTimeout(this.#timer);
    if (this.#ms > 0) {
      this.#timer = setTimeout(() => {
        this.isOver = true;
        this.#over();
      }, this.#ms);
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

async function whole(response: Response, silence: Silence): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  silence.heard();
  if (response.body) {
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      silence.heard();
      chunks.push(value);
      size += value.byteLength;
    }
  }
  const content = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.byteLength;
  }
  return content;
}

/**
 * A path with its braces filled in, each a segment of its own.
 *
 * @throws E2AValidationError a part is empty, or would be taken for a step up (`.` and `..`).
 */
export function filled(template: string, parts: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const part = String(parts[name] ?? "");
    if (part === "" || part === "." || part === "..") {
      throw new E2AValidationError(`${JSON.stringify(part)} cannot be part of a path`, { code: "invalid_request" });
    }
    return encodeURIComponent(part);
  });
}

/** The JSON value of an answer. */
export function document(answer: Answer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer.content)) as unknown;
  } catch (error) {
    throw unreadable(`it is not JSON`, answer.status, error);
  }
}

function page<T>(found: unknown): Page<T> {
  if (isObject(found) && Array.isArray(found["items"])) {
    const next = found["next_cursor"];
    if (next === null || typeof next === "string") return found as unknown as Page<T>;
  }
  throw unreadable("it is not a page", 200);
}

function unreadable(why: string, status: number, cause?: unknown): E2AServerError {
  return new E2AServerError(`the answer cannot be read: ${why}`, { code: "invalid_response", status, cause });
}

function failureOf(answer: Answer): E2AError {
  return answered(answer.status, bodyOf(answer), retryAfter(answer.headers.get("retry-after")));
}

/** The body of a refusal; the surface outside `/v1` answers them as a line of text. */
function bodyOf(answer: Answer): unknown {
  const [kind = ""] = (answer.headers.get("content-type") ?? "").split(";");
  const line = kind.trim() === "text/plain" ? new TextDecoder().decode(answer.content.subarray(0, 500)).trim() : "";
  if (line) return { error: { message: line } };
  try {
    return document(answer);
  } catch {
    return undefined;
  }
}

/** Seconds, or a date (RFC 9110 section 10.2.3); undefined for anything else. */
export function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(value)) return Number(value);
  const at = /[a-z]/i.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : (at - Date.now()) / 1000;
}

function waitMs(failure: E2AError, attempt: number): number {
  if (failure.retryAfterSeconds !== undefined) {
    return Math.min(Math.max(failure.retryAfterSeconds * 1000, 0), LONGEST_RETRY_AFTER_MS);
  }
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
}

/** Wait, or reject with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const over = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", over);
      resolve();
    }, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}

/** Options as a query: names in the API's spelling, what a call keeps for itself left out. */
function queryText(query: object | undefined): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {}) as [string, unknown][]) {
    if (value === undefined || value === null || OWN.has(name)) continue;
    found.set(
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value instanceof Date ? value.toISOString() : Array.isArray(value) ? value.join(",") : String(value),
    );
  }
  const text = found.toString();
  return text && `?${text}`;
}

const OWN: ReadonlySet<string> = new Set(["signal", "timeoutMs", "idempotencyKey", "ifMatch"]);

function innermost(error: unknown): { message: string; code: string } {
  let found = error;
  while (found instanceof Error && found.cause !== undefined) found = found.cause;
  if (found instanceof AggregateError && found.errors[0] !== undefined) found = found.errors[0];
  const code = isObject(found) && typeof found["code"] === "string" ? found["code"] : "";
  return { message: found instanceof Error ? found.message || code || found.name : String(found), code };
}
