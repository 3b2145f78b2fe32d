/** Lists: a page at a time, or every item without thinking of pages. */

import { E2AServerError } from "./errors.js";

const MAX_PAGES = 10_000;

/** Some items, and where the list goes on; `next_cursor` is null at its end. */
export interface Page<T> {
  readonly items: T[];
  readonly next_cursor: string | null;
}

/** A list, read as far as you go on: `for await (const agent of client.agents.list())`. */
export class AutoPager<T> implements AsyncIterable<T> {
  readonly #fetch: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetch: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetch = fetch;
  }

  /** One page: the first, or the one that `cursor` (`next_cursor` of another) leads to. */
  page(cursor?: string | null): Promise<Page<T>> {
    return this.#fetch(cursor ?? undefined);
  }

  /**
   * Page after page.
   *
   * @throws E2AServerError the server repeats its pages, or has no end of them.
   */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (;;) {
      const page = await this.#fetch(cursor);
      yield page;
      if (page.next_cursor === null) return;
      if (seen.has(page.next_cursor) || seen.size >= MAX_PAGES) {
        throw new E2AServerError("the list does not end: the server repeats its pages", { code: "invalid_response" });
      }
      seen.add(page.next_cursor);
      cursor = page.next_cursor;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** All items, or the first `limit` of them; no page is asked for in vain. */
  async toArray(options: { readonly limit?: number | undefined } = {}): Promise<T[]> {
    const limit = options.limit ?? Infinity;
    const items: T[] = [];
    if (limit <= 0) return items;
    for await (const page of this.pages()) {
      for (const item of page.items) {
        items.push(item);
        if (items.length >= limit) return items;
      }
    }
    return items;
  }

  /** Call `visit` with each item and wait for it; an answer of false ends it. */
  async forEach(visit: (item: T) => unknown): Promise<void> {
    for await (const item of this) {
      if ((await visit(item)) === false) return;
    }
  }
}
