/** What the compiler must know, and what it must refuse; a wrong expectation here does not compile. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "../src/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;

function know<T extends true>(): T | undefined {
  return undefined;
}

type Client = sdk.E2AClient;
type Awaiting<F extends (...given: never[]) => unknown> = Awaited<ReturnType<F>>;

know<Same<Awaiting<Client["agents"]["get"]>, sdk.AgentView>>();
know<Same<Awaiting<Client["messages"]["send"]>, sdk.SendResultView>>();
know<Same<ReturnType<Client["messages"]["list"]>, sdk.AutoPager<sdk.MessageSummaryView>>>();
know<Same<Awaiting<Client["contacts"]["getWithEtag"]>, [sdk.ContactView, string | null]>>();
know<Same<Awaiting<Client["request"]>, unknown>>();
know<Same<Awaiting<typeof sdk.constructEvent>, sdk.WebhookEvent>>();
know<Same<sdk.ReceivedEmail["subject"], string | null>>();

/** No result of any method of any resource may be `any`. */
type Answers = {
  [R in keyof Client]: Client[R] extends object
    ? { [M in keyof Client[R]]: Client[R][M] extends (...given: never[]) => infer A ? IsAny<Awaited<A>> : false }[keyof Client[R]]
    : false;
}[keyof Client];
know<Same<Answers, false>>();

export async function compiled(client: Client): Promise<void> {
  const modelled = await client.messages.get("a@b.test", "msg_1", { view: "model" });
  modelled.nonce.at(0);
  const message = await client.messages.get("a@b.test", "msg_1", { markRead: false });
  message.attachments.at(0);
  // @ts-expect-error a whole message has no nonce
  message.nonce;
  // @ts-expect-error a mail has recipients
  await client.messages.send("a@b.test", { subject: "Hi" });
  // @ts-expect-error a body has the API's own names
  await client.messages.send("a@b.test", { to: ["c@d.test"], conversationId: "conv_1" });
  // @ts-expect-error there is no such direction
  client.messages.list("a@b.test", { direction: "sideways" });
  // @ts-expect-error the cursor is the pager's
  client.messages.list("a@b.test", { cursor: "x" });
  // @ts-expect-error the address is missing
  await client.agents.get();
  // @ts-expect-error nobody writes into a received mail
  (await sdk.parseWebhook("{}")).subject = "x";
  const protection = await client.agents.getProtection("a@b.test");
  await client.agents.replaceProtection("a@b.test", { ...protection, holds: { ...protection.holds, ttl_seconds: 60 } });
  const event: sdk.WebhookEvent = await sdk.constructEvent("{}", new Headers(), "s");
  if (sdk.isEmailBounced(event)) know<Same<typeof event.data.bounce_type, "permanent" | "transient" | "undetermined">>();
}

test("the compiler has seen this file", () => assert.equal(typeof compiled, "function"));
