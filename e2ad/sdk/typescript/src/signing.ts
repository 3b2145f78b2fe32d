/**
 * Is this payload from the deployment that knows our secrets?
 *
 * Three proofs exist (contract: signatures). `X-E2A-Signature` and the Standard Webhooks trio cover a body to the last
 * octet. `X-E2A-Auth-*` covers a mail, its id and what was found out about its sender, so that it outlives the body that
 * it came in. Whatever is there has to be right; WebCrypto compares in constant time.
 */

import { E2AWebhookSignatureError, isObject } from "./errors.js";

export const DEFAULT_TOLERANCE_SECONDS = 300;
const MAX_SKEW_SECONDS = 30;
const MAX_SIGNATURES = 16;

const OWN = "x-e2a-signature";
const STANDARD = ["webhook-id", "webhook-timestamp", "webhook-signature"] as const;
const AUTH_SIGNATURE = "x-e2a-auth-signature";
/** In the order in which they are signed. */
const AUTH = ["verified", "sender", "entity-type", "domain-check", "delegation", "timestamp", "message-id", "body-hash"].map(
  (name) => `x-e2a-auth-${name}`,
);
const READ: ReadonlySet<string> = new Set([OWN, ...STANDARD, ...AUTH, AUTH_SIGNATURE]);

type Bytes = Uint8Array<ArrayBuffer>;

/** A body as it came: what `Buffer.concat`, `request.text()` and `request.arrayBuffer()` give. */
export type BodyLike = string | Uint8Array | ArrayBuffer;

/** Headers of any framework, names in any case; or the bare value of `X-E2A-Signature`. */
export type HeadersLike =
  | string
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** One secret, or several of which any will do, as while one is replaced. */
export type Secrets = string | readonly string[];

export interface VerifyOptions {
  /** How far the signature's time may be from now, either way; 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Seconds since 1970, for tests; the clock's where nothing is given. */
  readonly now?: number | undefined;
}

/** What `X-E2A-Auth-*` says, once its signature is found right. */
export interface MailProof {
  readonly isVerified: boolean;
  readonly sender: string;
  readonly messageId: string;
}

/**
 * The octets of a body that was not decoded yet.
 *
 * @throws TypeError it was.
 */
export function octets(body: BodyLike): Bytes {
  if (typeof body === "string") return utf8(body);
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new TypeError("the body is text or octets as they came: what was decoded proves nothing");
}

/**
 * The secrets that are any. An empty one is not: everybody knows it, and an unset variable looks like it.
 *
 * @throws E2AWebhookSignatureError none is left.
 */
export function secretsOf(secret: Secrets): readonly string[] {
  // A variable that is not set is undefined, whatever the types say.
  const given = typeof secret === "string" ? [secret] : [...((secret as Secrets | null | undefined) ?? [])];
  if (given.some((one) => typeof one !== "string")) throw new TypeError("a secret is text");
  const known = given.filter((one) => one.replace(/^whsec_/, "").trim() !== "");
  if (known.length === 0) throw new E2AWebhookSignatureError("no_secret", "there is no secret to check with");
  return known;
}

/**
 * Of all headers those that prove something, by lower-case name.
 *
 * @throws E2AWebhookSignatureError one is there twice, so that nobody can tell which counts.
 */
export function readHeaders(headers: HeadersLike | null | undefined): ReadonlyMap<string, string> {
  if (headers === null || headers === undefined) return new Map();
  if (typeof headers === "string") return new Map([[OWN, headers]]);
  const pairs = (Symbol.iterator in headers ? headers : Object.entries(headers)) as Iterable<readonly [string, unknown]>;
  const found = new Map<string, string>();
  for (const [name, value] of pairs) {
    const plain = String(name).trim().toLowerCase();
    if (!READ.has(plain) || value === undefined) continue;
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (found.has(plain)) throw new E2AWebhookSignatureError("malformed", `the header ${plain} is there twice`);
      found.set(plain, fromLatin1(String(one)));
    }
  }
  return found;
}

/** The `X-E2A-Auth-*` among headers, or in the `auth_headers` of a payload. */
export function authFields(found: unknown): ReadonlyMap<string, string> {
  const entries = found instanceof Map ? [...found] : isObject(found) ? Object.entries(found) : [];
  const fields = new Map<string, string>();
  for (const [name, value] of entries) {
    const plain = String(name).trim().toLowerCase();
    if (plain !== AUTH_SIGNATURE && !AUTH.includes(plain)) continue;
    if (fields.has(plain)) throw new E2AWebhookSignatureError("malformed", `the header ${plain} is there twice`);
    fields.set(plain, String(value));
  }
  return fields;
}

/**
 * Check each proof of the whole body that is there; whether there is any.
 *
 * @throws E2AWebhookSignatureError one is wrong.
 */
export async function checkDelivery(
  headers: ReadonlyMap<string, string>,
  body: Bytes,
  secrets: readonly string[],
  options: VerifyOptions,
): Promise<boolean> {
  const own = headers.get(OWN);
  if (own !== undefined) await checkOwn(own, body, secrets, options);
  const standard = headers.get(STANDARD[2]);
  if (standard !== undefined) await checkStandard(headers, standard, body, secrets, options);
  return own !== undefined || standard !== undefined;
}

async function checkOwn(header: string, body: Bytes, secrets: readonly string[], options: VerifyOptions): Promise<void> {
  const pairs = header.split(",").map((part) => part.trim());
  const [time, ...more] = pairs.filter((part) => part.startsWith("t=")).map((part) => part.slice(2));
  const offered = pairs.filter((part) => part.startsWith("v1=")).map((part) => fromHex(part.slice(3)));
  if (time === undefined || more.length > 0 || offered.length < 1 || offered.length > MAX_SIGNATURES) {
    throw new E2AWebhookSignatureError("malformed", "X-E2A-Signature is malformed: it has to read t=<seconds>,v1=<hex>");
  }
  checkTime("X-E2A-Signature", seconds("X-E2A-Signature", time), options);
  if (!(await isSigned(secrets.map(utf8), offered, joined(`${time}.`, body)))) throw noMatch("X-E2A-Signature");
}

async function checkStandard(
  headers: ReadonlyMap<string, string>,
  signatures: string,
  body: Bytes,
  secrets: readonly string[],
  options: VerifyOptions,
): Promise<void> {
  const id = headers.get(STANDARD[0]);
  const time = headers.get(STANDARD[1]) ?? "";
  const offered = signatures.split(/\s+/).filter((one) => one.startsWith("v1,"));
  if (!id || offered.length < 1 || offered.length > MAX_SIGNATURES) {
    const message = "webhook-signature is malformed: webhook-id and v1,<base64> belong to it";
    throw new E2AWebhookSignatureError("malformed", message);
  }
  checkTime("webhook-signature", seconds("webhook-timestamp", time), options);
  const keys = secrets.map((secret) => fromBase64(secret.replace(/^whsec_/, ""))).filter((key) => key?.length) as Bytes[];
  const found = offered.map((one) => fromBase64(one.slice(3)));
  if (!(await isSigned(keys, found, joined(`${id}.${time}.`, body)))) throw noMatch("webhook-signature");
}

/**
 * What a set of `X-E2A-Auth-*` says, if one of the secrets signed it; undefined if it was another one.
 *
 * @throws E2AWebhookSignatureError not a whole set, or signed too long ago.
 */
export async function checkMail(
  fields: ReadonlyMap<string, string>,
  secrets: readonly string[],
  options: VerifyOptions,
): Promise<MailProof | undefined> {
  const values = AUTH.map((name) => fields.get(name) ?? "");
  const [verified = "", sender = "", , , , time = "", messageId = ""] = values;
  const signature = fields.get(AUTH_SIGNATURE) ?? "";
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time) ? Date.parse(time) / 1000 : NaN;
  // A line break in a value would let one field pass for two.
  const isWhole = !Number.isNaN(at) && ["true", "false"].includes(verified) && signature !== "";
  if (!isWhole || values.some((value) => value.includes("\n"))) {
    const message = "X-E2A-Auth-* is malformed: a field is missing, or holds what it cannot";
    throw new E2AWebhookSignatureError("malformed", message);
  }
  if (!(await isSigned(secrets.map(utf8), [fromHex(signature)], utf8(values.join("\n"))))) return undefined;
  checkTime("X-E2A-Auth-*", at, options, MAX_SKEW_SECONDS);
  return { isVerified: verified === "true", sender, messageId };
}

/**
 * Refuse a set of `X-E2A-Auth-*` that belongs to another mail than the payload.
 *
 * @throws E2AWebhookSignatureError it does.
 */
export async function sameMail(
  fields: ReadonlyMap<string, string>,
  messageId: string,
  raw: Bytes | undefined,
): Promise<void> {
  if (messageId && fields.get("x-e2a-auth-message-id") !== messageId) {
    throw new E2AWebhookSignatureError("mismatch", "X-E2A-Auth-* is about another message than the payload");
  }
  if (raw === undefined) return;
  if (toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", raw))) !== fields.get("x-e2a-auth-body-hash")) {
    const message = "X-E2A-Auth-Body-Hash is not that of the mail: it was altered on its way";
    throw new E2AWebhookSignatureError("mismatch", message);
  }
}

function checkTime(what: string, at: number, options: VerifyOptions, aheadSeconds = Infinity): void {
  const tolerance = options.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS;
  const age = (options.now ?? Date.now() / 1000) - at;
  // In this form, so that a time that is no number is refused.
  if (!(age >= -Math.min(aheadSeconds, tolerance) && age <= tolerance)) {
    const told = age >= 0 ? `${age.toFixed(0)} s ago` : `${(-age).toFixed(0)} s in the future`;
    throw new E2AWebhookSignatureError("stale", `${what} was signed ${told}; at most ${tolerance} s are taken: check the clock`);
  }
}

function seconds(what: string, text: string): number {
  if (/^(0|[1-9]\d{0,11})$/.test(text)) return Number(text);
  throw new E2AWebhookSignatureError("malformed", `${what} is malformed: its time is no number of seconds`);
}

function noMatch(what: string): E2AWebhookSignatureError {
  const message = `${what} was made with none of the given secrets, or for another body: pass the octets as they came`;
  return new E2AWebhookSignatureError("no_match", message);
}

async function isSigned(keys: readonly Bytes[], offered: readonly (Bytes | undefined)[], message: Bytes): Promise<boolean> {
  for (const secret of keys) {
    const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of offered) {
      if (signature !== undefined && (await crypto.subtle.verify("HMAC", key, signature, message))) return true;
    }
  }
  return false;
}

function joined(head: string, body: Bytes): Bytes {
  const first = utf8(head);
  const all = new Uint8Array(first.length + body.length);
  all.set(first);
  all.set(body, first.length);
  return all;
}

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Addresses may have letters of any language; they travel as UTF-8, which HTTP takes for Latin-1. */
function fromLatin1(text: string): string {
  if (!/^[\x00-\xff]*$/.test(text) || !/[\x80-\xff]/.test(text)) return text;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text, (one) => one.charCodeAt(0)));
  } catch {
    return text;
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Bytes | undefined {
  if (!/^[0-9a-f]{64}$/.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Octets of base64, padded or not; undefined for anything else. */
export function fromBase64(text: string): Bytes | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text);
    const found = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) found[at] = binary.charCodeAt(at);
    return found;
  } catch {
    return undefined;
  }
}
