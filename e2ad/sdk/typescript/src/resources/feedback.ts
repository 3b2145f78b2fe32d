/** A word to the operator of the deployment. */

import { type CallOptions, document, type Exchange } from "../exchange.js";

/** What may be said besides. */
export interface FeedbackOptions extends CallOptions {
  /** For an answer. */
  readonly email?: string | undefined;
  readonly category?: string | undefined;
  /** What it is about. */
  readonly page?: string | undefined;
}

/** It is kept. */
export interface FeedbackResult {
  readonly status: string;
  readonly id: string;
}

export class Feedback {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Needs no key. Never tried twice. */
  async send(message: string, options: FeedbackOptions = {}): Promise<FeedbackResult> {
    const { email, category, page } = options;
    const body = { message, email, category, page };
    const answer = await this.#exchange.send({ method: "POST", path: "/api/feedback", body }, options);
    return document(answer) as FeedbackResult;
  }
}
