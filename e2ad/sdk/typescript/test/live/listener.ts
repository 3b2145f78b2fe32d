/** A program that listens until it is stopped: one line for each state, one for each event. */

import { client } from "./server.js";

const [email = ""] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
for await (const event of client().listen(email, { onState: (state) => say({ state }) })) {
  say({ id: event.id, subject: event.data["subject"] });
}
