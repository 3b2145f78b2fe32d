/** Each operation of the document can be called, at its path. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { E2AClient } from "../src/index.js";
import { Peer } from "./peer.js";

const A = "bot@agents.test";
const P = "ada@example.test";
const MAIL = { to: [P], subject: "Hi", text: "Hello" };
const PROTECTION = { inbound: { gate: {}, scan: {} }, outbound: { gate: {}, scan: {} }, holds: {} };

export const CALLS: readonly ((client: E2AClient) => Promise<unknown>)[] = [
  (c) => c.info(),
  (c) => c.account.get(),
  (c) => c.account.delete(),
  (c) => c.account.export(),
  (c) => c.account.metrics({ bucket: "day", groupBy: "agent" }),
  (c) => c.account.suppressions.list().toArray(),
  (c) => c.account.suppressions.delete(P),
  (c) => c.account.apiKeys.list().toArray(),
  (c) => c.account.apiKeys.create({ name: "x" }),
  (c) => c.account.apiKeys.delete("key_1"),
  (c) => c.connections.list().toArray(),
  (c) => c.connections.delete("grant_1"),
  (c) => c.agents.list({ deleted: true }).toArray(),
  (c) => c.agents.get(A),
  (c) => c.agents.create({ slug: "bot" }),
  (c) => c.agents.update(A, { name: "x" }),
  (c) => c.agents.delete(A, { permanent: true }),
  (c) => c.agents.restore(A),
  (c) => c.agents.test(A),
  (c) => c.agents.getProtection(A),
  (c) => c.agents.replaceProtection(A, PROTECTION),
  (c) => c.agents.listSuppressions(A).toArray(),
  (c) => c.agents.createSuppression(A, { address: P }),
  (c) => c.agents.deleteSuppression(A, P),
  (c) => c.messages.list(A, { direction: "all", search: "invoice" }).toArray(),
  (c) => c.messages.get(A, "msg_1"),
  (c) => c.messages.getModelView(A, "msg_1", { maxChars: 10 }),
  (c) => c.messages.getRaw(A, "msg_1"),
  (c) => c.messages.getLifecycle(A, "msg_1", { cursor: "x" }),
  (c) => c.messages.getMetrics(A, { start: new Date(0) }),
  (c) => c.messages.delete(A, "msg_1"),
  (c) => c.messages.restore(A, "msg_1"),
  (c) => c.messages.getAttachment(A, "msg_1", 0, { inline: true }),
  (c) => c.messages.send(A, MAIL),
  (c) => c.messages.reply(A, "msg_1", { text: "Hello" }, { quoteHistory: true }),
  (c) => c.messages.forward(A, "msg_1", { to: [P], text: "Hello" }),
  (c) => c.messages.updateLabels(A, "msg_1", { add_labels: ["x"] }),
  (c) => c.messages.resolve(A, "msg_1", { outcome: "sent" }),
  (c) => c.conversations.list(A).toArray(),
  (c) => c.conversations.get(A, "conv_1"),
  (c) => c.reviews.list().toArray(),
  (c) => c.reviews.get("msg_1"),
  (c) => c.reviews.edit("msg_1", { subject: "Other" }),
  (c) => c.reviews.approve("msg_1"),
  (c) => c.reviews.reject("msg_1", { reason: "no" }),
  (c) => c.contacts.list({ createdAfter: new Date(0) }).toArray(),
  (c) => c.contacts.get(P),
  (c) => c.contacts.create({ address: P }),
  (c) => c.contacts.update(P, { display_name: "Ada" }),
  (c) => c.contacts.delete(P),
  (c) => c.contacts.import({ contacts: [{ address: P }] }),
  (c) => c.contacts.deleteImport("imp_1"),
  (c) => c.contacts.outreach(A, { replied: false }).toArray(),
  (c) => c.contacts.getOutreach(A, P),
  (c) => c.contacts.getOutreachWithEtag(A, P),
  (c) => c.contacts.setOutreach(A, P, { stage: "won" }),
  (c) => c.contacts.deleteOutreach(A, P),
  (c) => c.templates.list().toArray(),
  (c) => c.templates.get("tpl_1"),
  (c) => c.templates.create({ name: "n", subject: "Hi", text: "Hello" }),
  (c) => c.templates.update("tpl_1", { name: "m" }),
  (c) => c.templates.delete("tpl_1"),
  (c) => c.templates.validate({ subject: "Hi" }),
  (c) => c.templates.listStarters().toArray(),
  (c) => c.templates.getStarter("welcome"),
  (c) => c.domains.list().toArray(),
  (c) => c.domains.get("example.com"),
  (c) => c.domains.create({ domain: "example.com" }),
  (c) => c.domains.delete("example.com"),
  (c) => c.domains.verify("example.com"),
  (c) => c.domains.rotateKeys("example.com"),
  (c) => c.events.list({ type: "email.received", agentEmail: A }).toArray(),
  (c) => c.events.get("evt_1"),
  (c) => c.events.redeliver("evt_1"),
  (c) => c.webhooks.list().toArray(),
  (c) => c.webhooks.get("wh_1"),
  (c) => c.webhooks.create({ url: "https://x.test/", events: ["email.received"] }),
  (c) => c.webhooks.update("wh_1", { enabled: true }),
  (c) => c.webhooks.delete("wh_1"),
  (c) => c.webhooks.rotateSecret("wh_1"),
  (c) => c.webhooks.test("wh_1"),
  (c) => c.webhooks.deliveries("wh_1", { status: "failed" }).toArray(),
];

interface Known {
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

async function known(): Promise<Known[]> {
  const schema = await readFile("src/schema.ts", "utf8");
  const found: Known[] = [];
  for (const [, path = "", block = ""] of schema.matchAll(/^ {4}"(\/[^"]*)": \{\n(.*?)^ {4}\};/gms)) {
    for (const [, method = "", name = ""] of block.matchAll(/^ {8}(\w+): operations\["(\w+)"\]/gm)) {
      found.push({ name, method: method.toUpperCase(), path });
    }
  }
  return found;
}

test("every operation of the document has a method", async () => {
  const operations = await known();
  assert.ok(operations.length >= 80, String(operations.length));
  // What is spelled out wins over what is filled in.
  operations.sort((one, other) => one.path.split("{").length - other.path.split("{").length);
  const patterns = operations.map((one) => ({ ...one, form: new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`) }));
  await using peer = await Peer.start({ body: { items: [], next_cursor: null } });
  const client = peer.client();
  for (const call of CALLS) await call(client);
  const reached = new Set<string>();
  for (const { method, url } of peer.asked) {
    const path = new URL(url, peer.url).pathname;
    const hit = patterns.find((one) => one.method === method && one.form.test(path));
    assert.ok(hit, `${method} ${path} is no operation`);
    reached.add(hit.name);
  }
  assert.deepEqual(operations.map((one) => one.name).filter((name) => !reached.has(name)), []);
  const deletes = peer.asked.filter((one) => one.method === "DELETE");
  for (const { url } of deletes) assert.match(url, /[?&]confirm=DELETE(&|$)/);
});
