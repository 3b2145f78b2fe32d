import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { inspect } from "node:util";
import * as sdk from "../src/index.js";

interface Case {
  readonly name: string;
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly secret: string | string[];
  readonly expect: { readonly reason: string } | Record<string, unknown>;
}

const SECRET = "whsec_" + "a1".repeat(32);
const NOW = 1_784_800_800;
const BODY =
  '{"type":"email.received","id":"evt_0123456789abcdef0123456789abcdef","schema_version":"1",' +
  '"created_at":"2026-07-23T10:00:00.123456789Z","data":{"message_id":"msg_0123456789abcdef0123456789abcdef"}}';
/** Of the contract, computed elsewhere. */
const V1 = "b6661eb5f8e7ba6d3829d5e3c4af5f3e77fa67cfa661b5a4efb7b96e62fbeede";
const HEADER = `t=${NOW},v1=${V1}`;

delete process.env["E2A_WEBHOOK_SECRET"];

const vectors = process.env["E2AD_WEBHOOK_VECTORS"];
if (vectors !== undefined) {
  const { now, cases } = JSON.parse(await readFile(vectors, "utf8")) as { now: number; cases: Case[] };
  for (const { name, body, headers, secret, expect } of cases) {
    test(`a request: ${name}`, async () => {
      if ("reason" in expect) {
        await assert.rejects(sdk.parseWebhook(body, headers, secret, { now }), (error: unknown) => {
          assert.ok(error instanceof sdk.E2AWebhookSignatureError, String(error));
          assert.deepEqual([error.reason, error.details["reason"]], [expect.reason, expect.reason]);
          return true;
        });
        return;
      }
      for (const given of [body, new TextEncoder().encode(body), Buffer.from(body)]) {
        for (const kind of [headers, new Headers(headers), Object.entries(headers)]) {
          assert.deepEqual(told(await sdk.parseWebhook(given, kind, secret, { now })), expect);
        }
      }
    });
  }
}

function told(email: sdk.ReceivedEmail): Record<string, unknown> {
  const { sender, subject, html, text, to, cc, replyTo, recipient, messageId, senderVerified, attachments } = email;
  return {
    sender,
    subject,
    html,
    text,
    to,
    cc,
    reply_to: replyTo,
    recipient,
    message_id: messageId,
    sender_verified: senderVerified,
    attachments: attachments.map(({ index, filename, contentType, sizeBytes, data }) => {
      const content = data === null ? null : Buffer.from(data).toString();
      return { index, filename, content_type: contentType, size_bytes: sizeBytes, data: content };
    }),
  };
}

test("an event is believed, then read", async () => {
  const event = await sdk.constructEvent(BODY, HEADER, SECRET, { now: NOW });
  assert.ok(sdk.isEmailReceived(event));
  assert.equal(event.data.message_id, "msg_0123456789abcdef0123456789abcdef");
  assert.ok(!sdk.isEmailSent(event));
  assert.equal((await sdk.constructEvent(Buffer.from(BODY), { "x-e2a-signature": HEADER }, [SECRET], { now: NOW })).id, event.id);
});

const ALTERED: readonly [string, string, string | Record<string, string | string[]>, string][] = [
  ["one octet", BODY.replace("email.received", "email.receiveD"), HEADER, "no_match"],
  ["a blank at the end", `${BODY} `, HEADER, "no_match"],
  ["its time", BODY, HEADER.replace(String(NOW), String(NOW + 1)), "no_match"],
  ["upper-case hex", BODY, HEADER.replace(V1, V1.toUpperCase()), "no_match"],
  ["half a signature", BODY, HEADER.slice(0, -32), "no_match"],
  ["an empty header", BODY, "", "malformed"],
  ["the header twice", BODY, { "X-E2A-Signature": [HEADER, HEADER] }, "malformed"],
  ["no header", BODY, {}, "missing"],
  ["too many signatures", BODY, `t=${NOW}${`,v1=${V1}`.repeat(17)}`, "malformed"],
];

for (const [what, body, headers, reason] of ALTERED) {
  test(`a signature does not fit: ${what}`, async () => {
    await assert.rejects(sdk.constructEvent(body, headers, SECRET, { now: NOW }), { name: "E2AWebhookSignatureError", reason });
    assert.equal(await sdk.verifyWebhookSignature(body, headers, SECRET, { now: NOW }), false);
  });
}

test("the tolerance can be chosen, and the clock is the default", async () => {
  const later = { now: NOW + 301 };
  assert.equal(await sdk.verifyWebhookSignature(BODY, HEADER, SECRET, later), false);
  assert.equal(await sdk.verifyWebhookSignature(BODY, HEADER, SECRET, { ...later, toleranceSeconds: 301 }), true);
  assert.equal(await sdk.verifyWebhookSignature(BODY, HEADER, SECRET, { now: NaN }), false);
  const t = Math.floor(Date.now() / 1000);
  const v1 = createHmac("sha256", SECRET).update(`${t}.${BODY}`).digest("hex");
  assert.equal(await sdk.verifyWebhookSignature(BODY, `t=${t},v1=${v1}`, SECRET), true);
});

test("a signed body that is no event is told as such", async () => {
  for (const body of ["hello", "[]", "{}", '{"type":"x","id":"y","schema_version":1,"created_at":"z","data":{}}']) {
    const v1 = createHmac("sha256", SECRET).update(`${NOW}.${body}`).digest("hex");
    const call = sdk.constructEvent(body, `t=${NOW},v1=${v1}`, SECRET, { now: NOW });
    await assert.rejects(call, { reason: "body", code: "webhook_body_invalid" });
  }
});

test("what was decoded proves nothing", async () => {
  await assert.rejects(sdk.constructEvent(JSON.parse(BODY) as string, HEADER, SECRET), TypeError);
  await assert.rejects(sdk.parseWebhook(JSON.parse(BODY) as string), TypeError);
});

test("a handler of fetch has octets and headers of its own kind", async () => {
  const request = new Request("http://desk.test/", { method: "POST", body: BODY, headers: { "X-E2A-Signature": HEADER } });
  const event = await sdk.constructEvent(await request.arrayBuffer(), request.headers, SECRET, { now: NOW });
  assert.equal(event.type, "email.received");
});

test("a secret that is not there is told as such", async () => {
  const missing = process.env["E2AD_NO_SUCH_VARIABLE"] as string;
  await assert.rejects(sdk.constructEvent(BODY, HEADER, missing, { now: NOW }), { reason: "no_secret" });
});

const FLAT = JSON.stringify({
  message_id: "msg_1",
  from: "mallory@example.test",
  recipient: "bot@agents.test",
  subject: "pay me",
  raw_message: Buffer.from("Subject: pay me\r\n\r\nat once").toString("base64"),
  parsed: { text: "at once", html: "<b>at once</b>", truncated: false },
  auth_headers: {},
});
const GATED = [
  "sender",
  "senderName",
  "subject",
  "text",
  "html",
  "recipient",
  "attachments",
  "messageId",
  "senderVerified",
  "to",
  "cc",
  "replyTo",
  "conversationId",
  "receivedAt",
  "verifiedDomain",
  "authentication",
  "rawMessage",
  "event",
] as const;

test("an unverified mail is closed", async () => {
  const email = await sdk.parseWebhook(FLAT);
  assert.equal(email.verified, false);
  for (const name of GATED) assert.throws(() => email[name], sdk.UnverifiedEmailError, name);
  assert.equal(email.unverifiedPayload["from"], "mallory@example.test");
});

test("no gated value gets out by another door", async () => {
  const email = await sdk.parseWebhook(FLAT, { "X-E2A-Signature": HEADER });
  const seen = [
    JSON.stringify(email),
    inspect(email, { depth: Infinity, showHidden: true }),
    inspect(structuredClone(email), { depth: Infinity }),
    JSON.stringify({ ...email }),
    JSON.stringify(Object.entries(email)),
    JSON.stringify(Object.getOwnPropertyDescriptors(email)),
    String(email),
    JSON.stringify(Object.assign({}, email)),
    inspect(Reflect.ownKeys(email)),
  ].join("\n");
  assert.doesNotMatch(seen, /mallory|pay me|at once|bot@agents/);
  assert.equal(JSON.stringify(email), '{"verified":false}');
  // Nor can it be opened from outside.
  const open = email as unknown as Record<string, unknown>;
  for (const name of ["verified", "sender"]) assert.throws(() => { open[name] = true; }, TypeError);
  Object.defineProperty(email, "verified", { value: true });
  assert.throws(() => email.sender, sdk.UnverifiedEmailError);
});

test("the secret may be in the environment, and an empty one is none", async () => {
  const v1 = createHmac("sha256", SECRET).update(`${NOW}.${FLAT}`).digest("hex");
  process.env["E2A_WEBHOOK_SECRET"] = SECRET;
  try {
    assert.equal((await sdk.parseWebhook(FLAT, `t=${NOW},v1=${v1}`, undefined, { now: NOW })).sender, "mallory@example.test");
    await assert.rejects(sdk.parseWebhook(FLAT), { reason: "missing" });
    process.env["E2A_WEBHOOK_SECRET"] = "";
    assert.equal((await sdk.parseWebhook(FLAT)).verified, false);
    await assert.rejects(sdk.parseWebhook(FLAT, {}, []), { reason: "no_secret" });
  } finally {
    delete process.env["E2A_WEBHOOK_SECRET"];
  }
});

test("the text of an answer is all of it, and its sender has a name", async () => {
  const mail = 'From: "Ada \\"L\\"" <ada@example.test>\r\n\r\nYes.\r\n\r\nOn 1 May 2026, bot wrote:\r\n> Lunch?\r\n';
  const parsed = { text: "Yes.", truncated: false };
  const body = JSON.stringify({ message_id: "msg_1", raw_message: Buffer.from(mail).toString("base64"), parsed });
  const v1 = createHmac("sha256", SECRET).update(`${NOW}.${body}`).digest("hex");
  const email = await sdk.parseWebhook(body, `t=${NOW},v1=${v1}`, SECRET, { now: NOW });
  assert.deepEqual([email.text, email.senderName], ["Yes.\n\nOn 1 May 2026, bot wrote:\n> Lunch?", 'Ada "L"']);
});

test("a mail whose sender is not proven is still from the deployment", async () => {
  const body = JSON.stringify({ ...(JSON.parse(FLAT) as object), auth_headers: undefined });
  const v1 = createHmac("sha256", SECRET).update(`${NOW}.${body}`).digest("hex");
  const email = await sdk.parseWebhook(body, `t=${NOW},v1=${v1}`, SECRET, { now: NOW });
  assert.deepEqual([email.verified, email.senderVerified, email.text], [true, false, "at once"]);
});
