/** Every resource, against a running server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "../../src/index.js";
import { client, deliver, Endpoint, eventually, mail, told } from "./server.js";

const api = client();
const OPEN: sdk.ProtectionConfigRequest = { inbound: { gate: {}, scan: {} }, outbound: { gate: {}, scan: {} }, holds: {} };

async function refused(call: Promise<unknown>, kind: typeof sdk.E2AError, code?: string): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.ok(error.requestId, "every refusal names its request");
    if (code !== undefined) assert.equal(error.code, code);
    return true;
  });
}

async function agent(slug: string): Promise<string> {
  return (await api.agents.create({ slug, name: slug })).email;
}

async function received(email: string, subject: string): Promise<sdk.MessageView> {
  await deliver(email, mail(email, subject));
  const found = await eventually(async () => (await api.messages.list(email, { subjectContains: subject }).toArray())[0]);
  return api.messages.get(email, found.id);
}

test("the deployment and the account", async () => {
  assert.equal((await new sdk.E2AClient({ baseUrl: told.api_url }).info()).shared_domain, told.shared_domain);
  assert.equal((await api.account.get()).scope, "account");
  assert.ok((await api.account.export()).user);
  const metrics = await api.account.metrics({ start: new Date(Date.now() - 86_400_000), end: new Date(), groupBy: "agent" });
  assert.ok(metrics.summary.accepted >= 0);
  await refused(client({ apiKey: "e2a_acct_wrong" }).account.get(), sdk.E2AAuthError, "unauthorized");
  delete process.env["E2A_API_KEY"];
  await refused(new sdk.E2AClient({ baseUrl: told.api_url }).account.get(), sdk.E2AAuthError);
});

test("agents", async () => {
  const email = await agent("ts-agents");
  assert.equal((await api.agents.get(email)).email, email);
  assert.equal((await api.agents.update(email, { name: "Renamed" })).name, "Renamed");
  await refused(api.agents.create({ slug: "ts-agents" }), sdk.E2AConflictError);
  await refused(api.agents.get(`nobody@${told.shared_domain}`), sdk.E2ANotFoundError, "not_found");
  const all = await api.agents.list({ limit: 1 }).toArray();
  assert.ok(all.some((one) => one.email === email));
  assert.equal((await api.agents.list({ limit: 1 }).toArray({ limit: 1 })).length, 1);
  const held: sdk.ProtectionConfigRequest = { ...OPEN, outbound: { gate: {}, scan: {}, require_review: true } };
  await api.agents.replaceProtection(email, held);
  assert.ok(JSON.stringify(await api.agents.getProtection(email)).includes("review"));
  await api.agents.createSuppression(email, { address: "no@example.test" });
  assert.deepEqual((await api.agents.listSuppressions(email).toArray()).map((one) => one.address), ["no@example.test"]);
  assert.equal((await api.agents.deleteSuppression(email, "no@example.test")).deleted, true);
  await api.agents.replaceProtection(email, OPEN);
  assert.ok((await api.agents.test(email)).message_id);
  assert.equal((await api.agents.delete(email)).deleted, true);
  assert.ok((await api.agents.list({ deleted: true }).toArray()).some((one) => one.email === email));
  assert.equal((await api.agents.restore(email)).email, email);
  // The mail to itself may be on its way at this very moment.
  const gone = await eventually(() => api.agents.delete(email, { permanent: true }).catch(() => undefined));
  assert.equal(gone.deleted, true);
});

test("mail that comes in", async () => {
  const email = await agent("ts-inbound");
  const message = await received(email, "one");
  assert.deepEqual([message.header_from, message.parsed?.text.trim()], ["ada@example.test", "Hello one"]);
  const raw = await api.messages.getRaw(email, message.id);
  assert.equal(Buffer.from(raw).toString("base64"), message.raw_message);
  const attachment = await api.messages.getAttachment(email, message.id, 0, { inline: true });
  assert.deepEqual([attachment.filename, attachment.data], ["a.csv", "MSwy"]);
  assert.equal(Buffer.from(await api.messages.downloadAttachment(email, message.id, 0)).toString(), "1,2");
  const forModel = await api.messages.getModelView(email, message.id, { maxChars: 2000 });
  assert.match(forModel.text, /UNTRUSTED-MAIL/);
  assert.deepEqual((await api.messages.updateLabels(email, message.id, { add_labels: ["ts"] })).labels, ["ts"]);
  const labelled = await api.messages.list(email, { direction: "all", readStatus: "all", labels: ["ts"] }).toArray();
  assert.deepEqual(labelled.map((one) => one.id), [message.id]);
  const found = await eventually(async () => (await api.messages.list(email, { readStatus: "all", search: "hello" }).toArray())[0]);
  assert.equal(found.id, message.id);
  assert.ok((await api.messages.getLifecycle(email, message.id, { limit: 1 })).items.length > 0);
  assert.equal((await api.messages.getMetrics(email)).agent_email, email);
  const [conversation] = await api.conversations.list(email).toArray();
  assert.equal((await api.conversations.get(email, conversation?.id ?? "")).messages.length, 1);
  assert.equal((await api.messages.delete(email, message.id)).deleted, true);
  assert.ok((await api.messages.get(email, message.id)).deleted_at);
  assert.equal((await api.messages.restore(email, message.id)).id, message.id);
  await refused(api.messages.list(email, { filter: "((" }).toArray(), sdk.E2AValidationError);
});

test("mail that goes out", async () => {
  const email = await agent("ts-outbound");
  const message = await received(email, "question");
  const options = { wait: "sent", idempotencyKey: `ts-once-${Date.now()}` } as const;
  const sent = await api.messages.send(email, { to: ["Bob <bob@people.test>"], subject: "Hi", text: "Hello" }, options);
  const again = await api.messages.send(email, { to: ["Bob <bob@people.test>"], subject: "Hi", text: "Hello" }, options);
  assert.equal(again.message_id, sent.message_id);
  await refused(api.messages.send(email, { to: ["x@people.test"], text: "Other" }, options), sdk.E2AIdempotencyError);
  const reply = await api.messages.reply(email, message.id, { text: "An answer" }, { quoteHistory: true, wait: "sent" });
  assert.match((await api.messages.get(email, reply.message_id)).subject, /question/);
  assert.ok((await api.messages.forward(email, message.id, { to: ["c@people.test"], text: "See below" })).message_id);
  await refused(api.messages.resolve(email, sent.message_id, { outcome: "sent" }), sdk.E2AError);
  await refused(api.messages.send(email, { to: ["not an address"], text: "x" }), sdk.E2AValidationError);
  await assert.rejects(api.messages.send(email, { to: [], text: "x" }), (error: unknown) => {
    assert.ok(error instanceof sdk.E2AValidationError);
    return true;
  });
});

test("mail that waits for a word", async () => {
  const email = await agent("ts-held");
  await api.agents.replaceProtection(email, { ...OPEN, outbound: { gate: {}, scan: {}, require_review: true } });
  const hold = async (): Promise<string> => {
    const held = await api.messages.send(email, { to: ["bob@people.test"], subject: "May I?", text: "Hello" });
    assert.equal(held.status, "pending_review");
    return held.message_id;
  };
  const [yes, no] = [await hold(), await hold()];
  const waiting = (await api.reviews.list().toArray()).map((one) => one.id);
  assert.ok(waiting.includes(yes) && waiting.includes(no));
  assert.equal((await api.reviews.get(yes)).subject, "May I?");
  assert.ok(await api.reviews.edit(yes, { subject: "You may" }));
  assert.equal((await api.reviews.approve(yes)).status, "accepted");
  assert.equal((await api.reviews.reject(no, { reason: "not now" })).message_id, no);
  await refused(api.reviews.approve(no), sdk.E2AError);
  assert.equal((await api.messages.get(email, yes)).subject, "You may");
});

test("contacts and outreach", async () => {
  const email = await agent("ts-people");
  const address = "grace@people.test";
  assert.equal((await api.contacts.create({ address, display_name: "Grace" })).address, address);
  const [contact, tag] = await api.contacts.getWithEtag(address);
  assert.equal(contact.display_name, "Grace");
  const options = { ifMatch: tag ?? "" };
  assert.equal((await api.contacts.update(address, { display_name: "Grace H" }, options)).display_name, "Grace H");
  await refused(api.contacts.update(address, { display_name: "late" }, options), sdk.E2AError);
  assert.equal((await api.contacts.get(address)).display_name, "Grace H");
  assert.ok((await api.contacts.list({ createdBefore: new Date() }).toArray()).length > 0);
  const imported = await api.contacts.import({ contacts: [{ address: "ida@people.test" }], agent_email: email, stage: "new" });
  assert.equal(imported.created, 1);
  assert.equal((await api.contacts.setOutreach(email, address, { stage: "won", metadata: { a: 1 } })).stage, "won");
  assert.deepEqual((await api.contacts.outreach(email, { stage: "won", replied: false }).toArray()).map((one) => one.address), [address]);
  const [engagement, version] = await api.contacts.getOutreachWithEtag(email, address);
  assert.ok(version);
  assert.deepEqual((await api.contacts.getOutreach(email, address)).metadata, engagement.metadata);
  assert.equal((await api.contacts.deleteOutreach(email, address)).deleted, true);
  assert.equal((await api.contacts.deleteImport(imported.batch_id)).deleted, true);
  assert.equal((await api.contacts.delete(address)).deleted, true);
  await refused(api.contacts.get(address), sdk.E2ANotFoundError);
});

test("templates", async () => {
  const made = await api.templates.create({ name: "ts", alias: "ts", subject: "Hi {{name}}", text: "Hello {{name}}" });
  assert.equal((await api.templates.get(made.id)).subject, "Hi {{name}}");
  assert.equal((await api.templates.update(made.id, { name: "ts2" })).name, "ts2");
  const email = await agent("ts-templates");
  const sent = await api.messages.send(email, { to: ["b@people.test"], template_alias: "ts", template_data: { name: "Bo" } });
  assert.equal((await api.messages.get(email, sent.message_id)).subject, "Hi Bo");
  assert.equal((await api.templates.validate({ subject: "Hi {{name", text: "x" })).valid, false);
  assert.ok((await api.templates.list().toArray()).some((one) => one.id === made.id));
  const [starter] = await api.templates.listStarters({ limit: 1 }).toArray({ limit: 1 });
  assert.ok((await api.templates.getStarter(starter?.alias ?? "")).text);
  assert.equal((await api.templates.delete(made.id)).deleted, true);
});

test("domains", async () => {
  const domain = `ts${Date.now()}.example.net`;
  assert.equal((await api.domains.create({ domain })).domain, domain);
  assert.ok((await api.domains.get(domain)).dns_records.length > 0);
  assert.equal((await api.domains.verify(domain)).domain, domain);
  await api.domains.rotateKeys(domain).catch((error: unknown) => assert.ok(error instanceof sdk.E2AConflictError, String(error)));
  assert.ok((await api.domains.list().toArray()).some((one) => one.domain === domain));
  assert.equal((await api.domains.delete(domain)).deleted, true);
});

test("keys, connections, suppressions and a word to the operator", async () => {
  const email = await agent("ts-keys");
  const made = await api.account.apiKeys.create({ name: "ts", scope: "agent", agent_email: email });
  const narrow = client({ apiKey: made.key });
  assert.equal((await narrow.agents.get(email)).email, email);
  await refused(narrow.agents.create({ slug: "ts-never" }), sdk.E2APermissionError, "forbidden");
  assert.ok((await api.account.apiKeys.list().toArray()).some((one) => one.id === made.id));
  assert.equal((await api.account.apiKeys.delete(made.id)).deleted, true);
  await refused(narrow.agents.get(email), sdk.E2AAuthError);
  assert.deepEqual(await api.connections.list().toArray(), []);
  await refused(api.connections.delete("grant_none"), sdk.E2ANotFoundError);
  assert.ok(Array.isArray(await api.account.suppressions.list().toArray()));
  await refused(api.account.suppressions.delete("nobody@people.test"), sdk.E2ANotFoundError);
  assert.equal((await api.feedback.send("It works.", { category: "other" })).status, "received");
  assert.ok(await api.request("GET", "/v1/agents", { query: { limit: 1 } }));
});

test("webhooks and events", async () => {
  await using endpoint = await Endpoint.start();
  const email = await agent("ts-hooks");
  const hook = await api.webhooks.create({ url: endpoint.url, events: ["email.received"], filters: { agent_emails: [email] } });
  assert.equal((await api.webhooks.get(hook.id)).url, endpoint.url);
  await deliver(email, mail(email, "pushed"));
  const { body, headers } = await endpoint.next();
  const event = await sdk.constructEvent(body, headers, hook.signing_secret);
  assert.ok(sdk.isEmailReceived(event));
  assert.equal(event.data.subject, "pushed");
  const unread = await api.inbound.fromEvent(event, { markRead: false });
  assert.deepEqual([unread.sender, unread.recipient], ["ada@example.test", email]);
  assert.equal((await api.messages.get(email, unread.id, { markRead: false })).read_status, "unread");
  assert.equal((await api.webhooks.fetchMessage(event)).subject, "pushed");

  const parsed = await sdk.parseWebhook(body, headers, [hook.signing_secret, told.signing_secret]);
  assert.deepEqual([parsed.verified, parsed.sender, parsed.subject, parsed.recipient], [true, "ada@example.test", "pushed", email]);
  assert.equal(parsed.event?.id, event.id);
  const inbound = await api.inbound.fromEvent(event);
  assert.deepEqual([inbound.inbox, inbound.text.trim(), inbound.replyTargets], [email, "Hello pushed", ["ada@example.test"]]);
  assert.equal((await inbound.attachments[0]?.get({ inline: true }))?.data, "MSwy");
  assert.ok((await inbound.reply({ text: "Thanks" })).message_id);

  // Everything that a stranger on the way could try.
  const without = Object.fromEntries(Object.entries(headers).filter(([name]) => !/webhook-|x-e2a/.test(name)));
  const late = { now: Date.now() / 1000 + 400 };
  const altered = Buffer.from(body.toString().replace("pushed", "pulled"));
  for (const [given, fields, options, reason] of [
    [altered, headers, {}, "no_match"],
    [Buffer.concat([body, Buffer.from("\n")]), headers, {}, "no_match"],
    [body, without, {}, "missing"],
    [body, headers, late, "stale"],
    [body, { ...headers, "x-e2a-signature": headers["webhook-signature"] }, {}, "malformed"],
  ] as const) {
    await assert.rejects(sdk.constructEvent(given, fields, hook.signing_secret, options), { reason });
    await assert.rejects(sdk.parseWebhook(given, fields, hook.signing_secret, options), { name: "E2AWebhookSignatureError" });
  }
  await assert.rejects(sdk.parseWebhook(body, headers, "whsec_other"), { reason: "no_match" });

  const rotated = await api.webhooks.rotateSecret(hook.id);
  await api.events.redeliver(event.id, { webhook_id: hook.id });
  const second = await endpoint.next();
  for (const secret of [hook.signing_secret, rotated.signing_secret]) {
    assert.equal((await sdk.constructEvent(second.body, second.headers, secret)).id, event.id);
  }
  assert.ok((await api.webhooks.test(hook.id)).delivery_id);
  await endpoint.next();
  const delivered = await eventually(async () => {
    const rows = await api.webhooks.deliveries(hook.id, { status: "delivered" }).toArray();
    return rows.length >= 3 && rows;
  });
  assert.ok(delivered.every((one) => one.status === "delivered"));
  assert.ok((await api.events.list({ agentEmail: email, type: "email.received" }).toArray()).some((one) => one.id === event.id));
  assert.equal((await api.events.get(event.id)).id, event.id);
  assert.equal((await api.webhooks.update(hook.id, { description: "x" })).description, "x");
  assert.ok((await api.webhooks.list().toArray()).some((one) => one.id === hook.id));
  assert.equal((await api.webhooks.delete(hook.id)).deleted, true);
});

test("a mail to an agent's own URL", async () => {
  await using endpoint = await Endpoint.start();
  const made = await api.agents.create({ slug: "ts-own-url", agent_mode: "cloud", webhook_url: endpoint.url });
  await deliver(made.email, mail(made.email, "Größe"));
  const { body, headers } = await endpoint.next();
  const email = await sdk.parseWebhook(body, headers, told.signing_secret);
  assert.deepEqual([email.sender, email.text, email.recipient], ["ada@example.test", "Hello Größe", made.email]);
  assert.equal(Buffer.from(email.attachments[0]?.data ?? []).toString(), "1,2");
  const closed = await sdk.parseWebhook(body, headers);
  assert.throws(() => closed.subject, sdk.UnverifiedEmailError);
  await assert.rejects(sdk.parseWebhook(body, headers, "whsec_other"), { reason: "no_match" });
  await assert.rejects(sdk.parseWebhook(body.toString().replace("ada@example.test", "eve@example.test"), headers, told.signing_secret), {
    name: "E2AWebhookSignatureError",
  });

  // As `e2a listen --forward` posts it: the message of the API, its own proof as headers.
  const found = await eventually(async () => (await api.messages.list(made.email).toArray())[0]);
  const message = await api.messages.get(made.email, found.id);
  const forwarded = await sdk.parseWebhook(JSON.stringify(message), message.auth_headers, told.signing_secret);
  assert.deepEqual([forwarded.sender, forwarded.text, forwarded.messageId], ["ada@example.test", "Hello Größe", message.id]);
});

test("a listener", async () => {
  const email = await agent("ts-listener");
  await deliver(email, mail(email, "first"));
  const stream = api.listen(email);
  const found: string[] = [];
  for await (const event of stream) {
    assert.ok(sdk.isEmailReceived(event));
    found.push(event.data.subject);
    const proof = event as sdk.WSEvent<sdk.EmailReceivedData>;
    assert.equal(proof.auth_headers?.["X-E2A-Auth-Sender"], "ada@example.test");
    if (found.length === 2) break;
    await deliver(email, mail(email, "second"));
  }
  assert.deepEqual(found, ["first", "second"]);
  const listen = async (stream: sdk.WSStream): Promise<void> => {
    for await (const event of stream) assert.fail(event.id);
  };
  await assert.rejects(listen(client({ apiKey: "e2a_acct_wrong" }).listen(email)), sdk.E2AAuthError);
  await assert.rejects(listen(api.listen(`nobody@${told.shared_domain}`)), sdk.E2ANotFoundError);
});

test("the secrets of an agent's own URL are changed one for another", async () => {
  const { signingSecrets } = client().account;
  const before = await signingSecrets.list().toArray();
  const made = await signingSecrets.create("of a test");
  assert.deepEqual((await signingSecrets.list().toArray())[0], made);
  await signingSecrets.delete(made.id);
  assert.deepEqual(await signingSecrets.list().toArray(), before);
});
