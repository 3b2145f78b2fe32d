/**
 * Push for an agent without a public URL: the WebSocket, kept up until you stop.
 *
 * Close codes and handshake answers decide what happens next (contract: WebSocket): what passes is tried again after
 * 1, 2, 4 … 30 seconds, the rest ends the listening.
 *
 * The server acknowledges nothing: what is unread comes again with each new connection. So that nothing comes twice, the
 * ids that were handed over are remembered; so that nothing is lost, not even what another program read meanwhile, a new
 * connection says behind which event it goes on (`after`). That one is a minute older than the newest mail that was
 * handed over: events become visible a little out of their order.
 */

import {
  answered,
  E2AConnectionError,
  E2AConnectionReplacedError,
  E2AError,
  E2APermissionError,
  E2AServerError,
} from "./errors.js";
import { eventOf, type WSEvent } from "./events.js";
import { type Exchange, filled, retryAfter, sleep } from "./exchange.js";
import type { End, SocketLimits } from "./frames.js";
import { type Connection, connect, HandshakeRefused, httpOf } from "./websocket.js";

/** Another listener took the place of this one. */
export const WS_CLOSE_REPLACED = 4000;

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Event ids that are remembered, so that nothing is handed over twice. */
const REMEMBERED = 4_096;
const OVERLAP_MS = 60_000;
const MARK_EVERY_MS = 10_000;

/** What a listener is about. */
export type WSState = "connecting" | "connected" | "waiting" | "closed";

export interface ListenOptions {
  /** Ends the listening; the loop then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told about connecting, and why there is a wait. */
  readonly onState?: ((state: WSState, why: string) => void) | undefined;
  /** The id of an event: begin with what came behind it, read or not, instead of with all that is unread. */
  readonly after?: string | undefined;
  /** False to end with E2AConnectionError where the connection does. */
  readonly reconnect?: boolean | undefined;
  readonly limits?: SocketLimits | undefined;
}

/** The events of one inbox: `for await (const event of client.listen(email))`. Read by one loop; `close` ends it. */
export class WSStream implements AsyncIterable<WSEvent> {
  readonly #exchange: Exchange;
  readonly #path: string;
  readonly #options: ListenOptions;
  readonly #closing = new AbortController();
  readonly #given: Given;
  #isRead = false;

  constructor(exchange: Exchange, email: string, options: ListenOptions = {}) {
    this.#exchange = exchange;
    this.#path = filled("/v1/agents/{email}/ws", { email });
    this.#options = options;
    this.#given = new Given(options.after);
  }

  /** End the loop that reads, as if there were no more events. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * @throws E2AConnectionReplacedError another listener took the place of this one.
   * @throws E2AError the server does not want this listener: a wrong key, an unknown agent, a policy.
   */
  [Symbol.asyncIterator](): AsyncGenerator<WSEvent, void, undefined> {
    if (this.#isRead) throw new E2AConnectionError("this stream is read already; listen again", { retryable: false });
    this.#isRead = true;
    return this.#events();
  }

  async *#events(): AsyncGenerator<WSEvent, void, undefined> {
    const { signal } = this.#options;
    const stop = (): void => this.#closing.abort();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      signal?.throwIfAborted();
      await httpOf(this.#exchange.baseUrl).catch((cause: unknown) => {
        throw new E2AError("listening needs Node, whose HTTP it uses", { code: "unsupported", cause });
      });
      const firstWait = this.#options.limits?.firstWaitMs ?? FIRST_WAIT_MS;
      let wait = firstWait;
      while (!this.#closing.signal.aborted) {
        const connection = await this.#connected();
        let again = connection instanceof Gap ? connection : undefined;
        if (!(connection instanceof Gap)) {
          try {
            for (;;) {
              const found = await this.#next(connection);
              if (typeof found !== "string") {
                again = found;
                break;
              }
              wait = firstWait;
              const event = this.#fresh(found);
              if (event) yield event;
            }
          } finally {
            void connection.close();
          }
        }
        if (again === undefined) break;
        if (this.#options.reconnect === false) throw new E2AConnectionError(again.why);
        this.#tell("waiting", again.why);
        await this.#pause(Math.max(wait, again.ms));
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#closing.abort();
      this.#tell("closed", "");
    }
  }

  async #connected(): Promise<Connection | Gap> {
    this.#tell("connecting", "");
    const { after } = this.#given;
    const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
    const { baseUrl } = this.#exchange;
    const headers = this.#exchange.authorization();
    try {
      const made = await connect(baseUrl + this.#path + query, headers, this.#closing.signal, this.#options.limits);
      this.#tell("connected", "");
      return made;
    } catch (error) {
      if (error instanceof HandshakeRefused) return refused(error);
      return new Gap(`no connection: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The next text, or the gap before the next connection; undefined at the end. */
  async #next(connection: Connection): Promise<string | Gap | undefined> {
    const aborted = this.#closing.signal;
    const stop = (): void => void connection.close();
    aborted.addEventListener("abort", stop, { once: true });
    try {
      if (aborted.aborted) return undefined;
      const found = await connection.receive();
      if (aborted.aborted) return undefined;
      return typeof found === "string" ? found : ended(found);
    } finally {
      aborted.removeEventListener("abort", stop);
    }
  }

  /** The event of a frame; undefined if it was handed over before, or is no event. */
  #fresh(text: string): WSEvent | undefined {
    let event: WSEvent;
    try {
      event = eventOf(JSON.parse(text)) as WSEvent;
    } catch (error) {
      this.#tell("connected", `left out a frame: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
    return this.#given.isNew(event) ? event : undefined;
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, this.#closing.signal);
    } catch {
      // Somebody ended the listening, which the loop sees.
    }
  }

  #tell(state: WSState, why: string): void {
    this.#options.onState?.(state, why);
  }
}

/** What was handed over, over all connections. */
class Given {
  readonly #seen = new Set<string>();
  readonly #start: string | undefined;
  #marks: { readonly at: number; readonly id: string }[] = [];
  #reach = -Infinity;

  constructor(start: string | undefined) {
    this.#start = start;
  }

  /** Behind which event a new connection goes on. */
  get after(): string | undefined {
    const [mark] = this.#marks;
    return mark !== undefined && mark.at <= this.#reach - OVERLAP_MS ? mark.id : this.#start;
  }

  isNew(event: WSEvent): boolean {
    if (this.#seen.has(event.id)) return false;
    this.#seen.add(event.id);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    this.#mark(event);
    return true;
  }

  /**
   * Note how far all is given. Unread mail comes in the order in which it came in, not in that of its announcement: a mail
   * that a person let through is announced late. What is announced before the time at which a given mail came in is given.
   */
  #mark(event: WSEvent): void {
    const at = Date.parse(event.created_at);
    const cameIn = Date.parse(String(event.data["received_at"]));
    if (Number.isNaN(at) || Number.isNaN(cameIn)) return;
    this.#reach = Math.max(this.#reach, cameIn);
    const last = this.#marks.at(-1);
    if (last === undefined || at >= last.at + MARK_EVERY_MS) this.#marks.push({ at, id: event.id });
    while (this.#marks[1] !== undefined && this.#marks[1].at <= this.#reach - OVERLAP_MS) this.#marks.shift();
  }
}

/** Why there is no connection now, and how long the server asks to wait. */
class Gap {
  readonly why: string;
  readonly ms: number;

  constructor(why: string, ms = 0) {
    this.why = why;
    this.ms = ms;
  }
}

/** What an answer to the handshake means: 408, 429 and the accidents of a server pass. */
function refused(refusal: HandshakeRefused): Gap {
  const { status } = refusal;
  if (status < 400) {
    const message = `the server answered ${status} in place of a WebSocket: is this the address of a deployment?`;
    throw new E2AServerError(message, { code: "invalid_response", status });
  }
  const error = failureOf(refusal);
  if (status < 500 && status !== 408 && status !== 429) throw error;
  return new Gap(`the server answered ${status}`, Math.min((error.retryAfterSeconds ?? 0) * 1000, LONGEST_RETRY_AFTER_MS));
}

function failureOf(refusal: HandshakeRefused): E2AError {
  let document: unknown;
  try {
    document = JSON.parse(refusal.body);
  } catch {
    document = undefined;
  }
  return answered(refusal.status, document, retryAfter(refusal.retryAfter ?? null));
}

/** What a close code means: 1000 is the end, 1008 and 4xxx are refusals, everything else passes. */
function ended({ code, reason }: End): Gap | undefined {
  const said = `closed with ${code} ${reason}`.trim();
  if (code === 1000) return undefined;
  if (code === 1008) throw new E2APermissionError(`may not listen any more: ${said}`, { code: "ws_policy_violation" });
  if (code === WS_CLOSE_REPLACED) {
    throw new E2AConnectionReplacedError(`another listener took the place of this one: ${said}`);
  }
  if (code > 4000) throw new E2AError(`the server wants no more connections: ${said}`, { code: "ws_closed" });
  return new Gap(said);
}
