/**
 * Everything that can go wrong for a caller of the API, by name.
 *
 * One family: `error instanceof E2AError` is all of it. A class is chosen by the answer's `code` first, whose families
 * outlive changes of status, then by its status (contract: published clients).
 */

/** What an error knows besides its sentence. */
export interface ErrorFacts {
  readonly code?: string;
  readonly status?: number;
  readonly retryable?: boolean;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** A call did not do what was asked. */
export class E2AError extends Error {
  /** The contract's machine code; one of the client's own where there was no answer. */
  readonly code: string;
  /** Of the HTTP answer; 0 where there was none. */
  readonly status: number;
  /** Whether the same call may work later. */
  readonly retryable: boolean;
  /** Finds the request in the server's log; empty where there is none. */
  readonly requestId: string;
  /** What the answer says besides. */
  readonly details: Readonly<Record<string, unknown>>;
  /** How long the server asks to wait. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = facts.code ?? "error";
    this.status = facts.status ?? 0;
    this.retryable = facts.retryable ?? false;
    this.requestId = facts.requestId ?? "";
    this.details = facts.details ?? {};
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  /** One line for each field that the server found fault with. */
  get problems(): string[] {
    const fields = this.details["fields"];
    if (!Array.isArray(fields)) return [];
    return fields.filter(isObject).map((field) => `${String(field["location"] ?? "")}: ${String(field["message"] ?? "")}`);
  }
}

/** 401: no credential, or not one that is valid. */
export class E2AAuthError extends E2AError {}

/** 403: a valid credential that may not do this. */
export class E2APermissionError extends E2AError {}

/** 404 or 410: there is none, or none that this credential may see. */
export class E2ANotFoundError extends E2AError {}

/** 409: the state of the thing does not allow it. */
export class E2AConflictError extends E2AError {}

/** 400, 413 or 422: the request is wrong; `problems` has a line for each field. */
export class E2AValidationError extends E2AError {}

/** An idempotency key that is in use for another request, or is not one. */
export class E2AIdempotencyError extends E2AError {}

/** 402: the account's plan has no room left. */
export class E2ALimitExceededError extends E2AError {}

/** 429: too many requests; `retryAfterSeconds` says when to go on. */
export class E2ARateLimitError extends E2AError {}

/** The server failed (5xx, 408), or its answer cannot be read (`invalid_response`). */
export class E2AServerError extends E2AError {}

/** The server could not be reached, or did not answer in time. */
export class E2AConnectionError extends E2AError {
  /** The request may have reached the server, so that nobody knows whether it had its effect. */
  readonly maybeDone: boolean;

  constructor(message: string, facts: ErrorFacts & { readonly maybeDone?: boolean } = {}) {
    super(message, { code: "connection_error", retryable: true, ...facts });
    this.maybeDone = facts.maybeDone ?? false;
  }
}

/**
 * The server closed this listener because another one took its place (close code 4000). No E2AConnectionError: who
 * comes back on those would take the place away again.
 */
export class E2AConnectionReplacedError extends E2AError {
  constructor(message: string) {
    super(message, { code: "connection_replaced", retryable: false });
  }
}

/** Why a payload was refused. */
export type SignatureReason = "missing" | "malformed" | "stale" | "no_match" | "mismatch" | "no_secret" | "body";

/** A payload that was not signed with any of the secrets, not for this body, or not lately. */
export class E2AWebhookSignatureError extends E2AError {
  /** In a word what the message says in a sentence; also `details.reason`. */
  readonly reason: SignatureReason;

  constructor(reason: SignatureReason, message: string) {
    const code = reason === "body" ? "webhook_body_invalid" : "webhook_signature_invalid";
    super(message, { code, details: { reason } });
    this.reason = reason;
  }
}

/** What a payload says was read before anybody checked who sent the payload. */
export class UnverifiedEmailError extends E2AError {
  constructor(message: string) {
    super(message, { code: "unverified_email" });
  }
}

type ErrorClass = new (message: string, facts: ErrorFacts) => E2AError;

const BY_STATUS: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  [400, E2AValidationError],
  [401, E2AAuthError],
  [402, E2ALimitExceededError],
  [403, E2APermissionError],
  [404, E2ANotFoundError],
  [408, E2AServerError],
  [409, E2AConflictError],
  [410, E2ANotFoundError],
  [413, E2AValidationError],
  [422, E2AValidationError],
  [429, E2ARateLimitError],
]);

const BY_CODE: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ["unauthorized", E2AAuthError],
  ["forbidden", E2APermissionError],
  ["not_found", E2ANotFoundError],
  ["limit_exceeded", E2ALimitExceededError],
  ["rate_limited", E2ARateLimitError],
]);

/**
 * The error that an answer of the API means.
 *
 * @param document the decoded body, whatever it is; without the API's envelope something on the way answered.
 */
export function answered(status: number, document: unknown, retryAfterSeconds: number | undefined): E2AError {
  const inner = isObject(document) ? document["error"] : undefined;
  const isOurs = isObject(inner) && Object.keys(inner).length > 0;
  const body = isOurs ? inner : {};
  const details = isObject(body["details"]) ? body["details"] : {};
  const told = details["retry_after_seconds"];
  const code = text(body["code"]) || (isOurs ? "error" : "invalid_response");
  const kind = classOf(isOurs ? code : "", status);
  const other = `the server answered ${status}${isOurs ? "" : ", and not as this API does"}`;
  return new kind(text(body["message"]) || other, {
    code,
    status,
    retryable: status === 408 || status === 429 || status >= 500 || code === "idempotency_in_flight",
    requestId: text(body["request_id"]),
    details,
    retryAfterSeconds: retryAfterSeconds ?? (typeof told === "number" ? told : undefined),
  });
}

function classOf(code: string, status: number): ErrorClass {
  const named = BY_CODE.get(code);
  if (named) return named;
  if (code.startsWith("idempotency_")) return E2AIdempotencyError;
  if (code.endsWith("_not_found")) return E2ANotFoundError;
  if (code.endsWith("_taken")) return E2AConflictError;
  if (code.startsWith("invalid_")) return E2AValidationError;
  return BY_STATUS.get(status) ?? (status >= 500 || code === "" ? E2AServerError : E2AError);
}

/** Any JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
