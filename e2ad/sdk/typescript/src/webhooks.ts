/**
 * What a webhook's receiver calls: is it ours, and what does it say? Needs no client and no network.
 *
 * Pass the body as it came. JSON that was decoded and encoded again is another body, and its signature is wrong.
 */

import { E2AError, E2AWebhookSignatureError, isObject } from "./errors.js";
import { eventOf, type WebhookEvent } from "./events.js";
import { type Claimed, claimedBy, provenContent, ReceivedEmail } from "./received.js";
import {
  authFields,
  type BodyLike,
  checkDelivery,
  checkMail,
  type HeadersLike,
  octets,
  readHeaders,
  sameMail,
  type Secrets,
  secretsOf,
  type VerifyOptions,
} from "./signing.js";

const SECRET_VARIABLE = "E2A_WEBHOOK_SECRET";

/**
 * Whether a body was signed with one of the secrets, lately.
 *
 * @param header all headers of the request, or the value of `X-E2A-Signature`.
 * @param secret `whsec_…` of the webhook, or several; for an agent's own URL the account's signing secret.
 */
export async function verifyWebhookSignature(
  body: BodyLike,
  header: HeadersLike,
  secret: Secrets,
  options: VerifyOptions = {},
): Promise<boolean> {
  try {
    await proven(octets(body), header, secret, options);
    return true;
  } catch (error) {
    if (error instanceof E2AWebhookSignatureError) return false;
    throw error;
  }
}

/**
 * The event that a webhook of the account was sent, once its signature is found right.
 *
 * @throws E2AWebhookSignatureError not signed, not with one of the secrets, not for this body, not lately, or no event;
 *   `reason` says which.
 */
export async function constructEvent(
  body: BodyLike,
  headers: HeadersLike,
  secret: Secrets,
  options: VerifyOptions = {},
): Promise<WebhookEvent> {
  const bytes = octets(body);
  await proven(bytes, headers, secret, options);
  try {
    return eventOf(objectOf(bytes));
  } catch (error) {
    if (error instanceof E2AError) throw new E2AWebhookSignatureError("body", error.message);
    throw error;
  }
}

/**
 * The mail in a request: to an agent's own URL, to a webhook of the account, or from `e2a listen --forward`.
 *
 * Without a secret nothing can be checked: the object is there, but reading what the mail says throws
 * `UnverifiedEmailError`. With one, every proof that is there has to be right.
 *
 * @param headers of the request; without them the proof inside the body is looked at, where it has one.
 * @param secret the webhook's (`whsec_…`), the account's signing secret, or both in a list; where none is given, the
 *   environment variable E2A_WEBHOOK_SECRET, if it is set.
 * @throws E2AWebhookSignatureError there is a secret, and the payload is not proven with it; or the body is not JSON.
 */
export async function parseWebhook(
  body: BodyLike,
  headers?: HeadersLike | null,
  secret?: Secrets | null,
  options: VerifyOptions = {},
): Promise<ReceivedEmail> {
  const bytes = octets(body);
  const payload = objectOf(bytes);
  const given = secret ?? (typeof process === "undefined" ? undefined : process.env[SECRET_VARIABLE] || undefined);
  if (given === undefined) return new ReceivedEmail(payload, undefined);
  const found = await opened(bytes, claimedBy(payload), readHeaders(headers), secretsOf(given), options);
  return new ReceivedEmail(payload, found);
}

async function opened(
  body: Uint8Array<ArrayBuffer>,
  claimed: Claimed,
  headers: ReadonlyMap<string, string>,
  secrets: readonly string[],
  options: VerifyOptions,
): Promise<Claimed> {
  const whole = await checkDelivery(headers, body, secrets, options);
  const [outside, inside] = [authFields(headers), authFields(claimed.authHeaders)];
  if (outside.size > 0 && inside.size > 0 && !isSame(outside, inside)) {
    throw new E2AWebhookSignatureError("mismatch", "X-E2A-Auth-* of the request and of the body are of two deliveries");
  }
  const fields = outside.size > 0 ? outside : inside;
  let proof;
  if (fields.size > 0) {
    await sameMail(fields, claimed.messageId, claimed.raw);
    proof = await checkMail(fields, secrets, options);
  }
  if (whole) return provenContent(claimed, proof, inside);
  if (fields.size === 0) {
    const message = "nothing proves the payload: no X-E2A-Signature, webhook-signature or X-E2A-Auth-*";
    throw new E2AWebhookSignatureError("missing", message);
  }
  if (proof === undefined) {
    const message = "X-E2A-Auth-* was made with none of the given secrets: it takes the signing secret";
    throw new E2AWebhookSignatureError("no_match", message);
  }
  if (claimed.raw === undefined) {
    const message = "X-E2A-Auth-* proves a mail, and the mail is not in the payload: nothing proves the rest";
    throw new E2AWebhookSignatureError("missing", message);
  }
  return provenContent(claimed, proof, inside, { mailAlone: true });
}

async function proven(
  body: Uint8Array<ArrayBuffer>,
  headers: HeadersLike,
  secret: Secrets,
  options: VerifyOptions,
): Promise<void> {
  if (!(await checkDelivery(readHeaders(headers), body, secretsOf(secret), options))) {
    throw new E2AWebhookSignatureError("missing", "the request is not signed: no X-E2A-Signature, and no webhook-signature");
  }
}

function objectOf(body: Uint8Array): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new E2AWebhookSignatureError("body", "the body is not JSON in UTF-8");
  }
  if (!isObject(found)) throw new E2AWebhookSignatureError("body", "the body is not a JSON object");
  return found;
}

function isSame(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value);
}
