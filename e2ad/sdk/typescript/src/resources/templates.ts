/** Mail written once and filled in often. */

import type { CallOptions, Exchange } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Templates {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listTemplates"> & CallOptions = {}): AutoPager<ItemOf<"listTemplates">> {
    return this.#exchange.list("/v1/templates", {}, options);
  }

  get(id: string, options?: CallOptions): Promise<ResultOf<"getTemplate">> {
    return this.#exchange.call("get", "/v1/templates/{id}", { parts: { id } }, options);
  }

  create(body: BodyOf<"createTemplate">, options?: CallOptions): Promise<ResultOf<"createTemplate">> {
    return this.#exchange.call("post", "/v1/templates", { body }, options);
  }

  update(id: string, body: BodyOf<"updateTemplate">, options?: CallOptions): Promise<ResultOf<"updateTemplate">> {
    return this.#exchange.call("patch", "/v1/templates/{id}", { parts: { id }, body }, options);
  }

  delete(id: string, options?: CallOptions): Promise<ResultOf<"deleteTemplate">> {
    const given = { parts: { id }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/templates/{id}", given, options);
  }

  /** Find its faults and fill it in, without keeping it. */
  validate(body: BodyOf<"validateTemplate">, options?: CallOptions): Promise<ResultOf<"validateTemplate">> {
    return this.#exchange.call("post", "/v1/templates/validate", { body, retried: true }, options);
  }

  listStarters(
    options: Options<"listStarterTemplates"> & CallOptions = {},
  ): AutoPager<ItemOf<"listStarterTemplates">> {
    return this.#exchange.list("/v1/starter-templates", {}, options);
  }

  getStarter(alias: string, options?: CallOptions): Promise<ResultOf<"getStarterTemplate">> {
    return this.#exchange.call("get", "/v1/starter-templates/{alias}", { parts: { alias } }, options);
  }
}
