/**
 * A raw mail as far as a webhook's receiver needs it: addresses, subject, text, HTML, attachments (RFC 2045 to 2047,
 * 2231). Total: hostile mail degrades and never throws. Depth, parts and header are bounded.
 *
 * The server reads mail with more care, and the API has its reading; this one is for what a proof covers, the mail itself.
 */

import { unflowed } from "./flowed.js";
import { fromBase64 } from "./signing.js";

const MAX_DEPTH = 20;
const MAX_PARTS = 1_000;
const MAX_HEADER = 256 * 1024;
const MAX_BOUNDARY = 200;

/** What a mail says. */
export interface Mail {
  readonly senderName: string | null;
  readonly to: string[];
  readonly cc: string[];
  readonly replyTo: string[];
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly attachments: MailAttachment[];
}

export interface MailAttachment {
  readonly index: number;
  readonly filename: string | null;
  readonly contentType: string;
  readonly contentId: string | null;
  readonly sizeBytes: number;
  readonly data: Uint8Array;
}

/** Octets are held as text of one character each, which searches and cuts without copying. */
interface Part {
  readonly header: ReadonlyMap<string, readonly string[]>;
  readonly type: string;
  readonly declared: string | null;
  readonly charset: string;
  /** Its lines may be broken anew (RFC 3676), with or without the blank before the break. */
  readonly flowed: "delsp" | "space" | undefined;
  readonly disposition: string;
  readonly filename: string | null;
  readonly contentId: string | null;
  readonly encoding: string;
  readonly content: string;
  readonly children: readonly Part[];
}

export function readMail(raw: Uint8Array): Mail {
  const budget = { parts: MAX_PARTS };
  const root = readPart(toBinary(raw), "text/plain", 0, budget);
  const { texts, htmls } = chosen(root);
  const shown = trimEnd(texts.map(lines).join("\n"), "\n").replace(/^\s+$/, "");
  const all = leaves(root);
  const attached = all.filter(isAttachment).map((part, index) => {
    const data = decoded(part);
    const { filename, contentId } = part;
    return { index, filename, contentType: part.declared ?? part.type, contentId, sizeBytes: data.length, data };
  });
  const field = (name: string): string[] => addresses((root.header.get(name) ?? []).join(","));
  return {
    senderName: displayName(root.header.get("from")?.[0] ?? ""),
    to: field("to"),
    cc: field("cc"),
    replyTo: field("reply-to"),
    subject: decodeWords(root.header.get("subject")?.[0] ?? ""),
    text: shown || (htmls.length === 0 && texts.length > 0) ? shown : null,
    html: htmls.length > 0 ? htmls.map((part) => charsetText(decoded(part), part.charset)).join("\n") : null,
    attachments: attached,
  };
}

function readPart(source: string, fallback: string, depth: number, budget: { parts: number }): Part {
  const { header, body } = split(source);
  const [declared, params] = parameters(header.get("content-type")?.[0] ?? "");
  const known = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/.test(declared);
  let type = known ? declared : declared.includes("/") ? "application/octet-stream" : fallback;
  let children: Part[] = [];
  if (type.startsWith("multipart/")) {
    const inner = type === "multipart/digest" ? "message/rfc822" : "text/plain";
    const pieces = depth < MAX_DEPTH ? between(body, params.get("boundary") ?? "", budget) : [];
    children = pieces.map((piece) => readPart(piece, inner, depth + 1, budget));
    if (children.length === 0 && depth < MAX_DEPTH) type = "text/plain";
  }
  const [disposition, more] = parameters(header.get("content-disposition")?.[0] ?? "");
  const named = more.get("filename") ?? params.get("name");
  return {
    header,
    type,
    declared: known ? declared : null,
    charset: params.get("charset") ?? "",
    flowed: isWord(params.get("format"), "flowed") ? (isWord(params.get("delsp"), "yes") ? "delsp" : "space") : undefined,
    disposition,
    // A name, not a path: it will be written somewhere.
    filename: named === undefined ? null : decodeWords(named).replace(/^.*[/\\]/s, "").slice(-255) || null,
    contentId: trimEnd((header.get("content-id")?.[0] ?? "").trim(), "<> ").replace(/^[<> ]+/, "") || null,
    encoding: (header.get("content-transfer-encoding")?.[0] ?? "").trim().toLowerCase(),
    content: body,
    children,
  };
}

/** The header section and what is behind the first empty line, or the first line that is no field. */
function split(source: string): { header: ReadonlyMap<string, readonly string[]>; body: string } {
  const header = new Map<string, string[]>();
  let at = 0;
  let last: { values: string[]; index: number } | undefined;
  while (at < source.length && at < MAX_HEADER) {
    const end = source.indexOf("\n", at);
    const next = end < 0 ? source.length : end + 1;
    const line = source.slice(at, end < 0 ? source.length : end).replace(/\r$/, "");
    if (line === "") return { header, body: source.slice(next) };
    const field = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line);
    if (/^[ \t]/.test(line) && last) {
      last.values[last.index] += line;
    } else if (field?.[1] !== undefined && field[2] !== undefined) {
      const values = header.get(field[1].toLowerCase()) ?? [];
      header.set(field[1].toLowerCase(), values);
      last = { values, index: values.push(field[2]) - 1 };
    } else if (!(at === 0 && line.startsWith("From "))) {
      return { header, body: source.slice(at) };
    }
    at = next;
  }
  return { header, body: source.slice(at) };
}

/** What stands between delimiter lines (RFC 2046 section 5.1.1). */
function between(body: string, given: string, budget: { parts: number }): string[] {
  const boundary = trimEnd(given, " \t");
  if (!boundary || boundary.length > MAX_BOUNDARY) return [];
  const delimiter = `--${boundary}`;
  const pieces: string[] = [];
  let start = -1;
  let at = body.startsWith(delimiter) ? 0 : follow(body, delimiter, 0);
  while (at >= 0) {
    const end = body.indexOf("\n", at);
    const lineEnd = end < 0 ? body.length : end;
    const tail = body.slice(at + delimiter.length, Math.min(lineEnd, at + delimiter.length + 80)).trim();
    if (tail === "" || tail === "--") {
      if (start >= 0) pieces.push(body.slice(start, Math.max(start, at - (body[at - 2] === "\r" ? 2 : 1))));
      if (tail !== "" || --budget.parts < 0) return pieces;
      start = Math.min(lineEnd + 1, body.length);
    }
    at = follow(body, delimiter, lineEnd);
  }
  if (start >= 0) pieces.push(body.slice(start));
  return pieces;
}

function follow(body: string, delimiter: string, from: number): number {
  const found = body.indexOf(`\n${delimiter}`, from);
  return found < 0 ? -1 : found + 1;
}

function leaves(part: Part): Part[] {
  return part.children.length > 0 ? part.children.flatMap(leaves) : [part];
}

function isAttachment(part: Part): boolean {
  if (part.disposition === "attachment" || part.filename !== null) return true;
  if (part.type === "message/rfc822" || part.type === "message/global") return true;
  return part.contentId !== null && !part.type.startsWith("text/");
}

/** The leaves that are the text, and those that are the HTML; of alternatives the first plain and the last HTML. */
function chosen(part: Part): { texts: Part[]; htmls: Part[] } {
  if (part.children.length === 0) {
    if (isAttachment(part)) return { texts: [], htmls: [] };
    return { texts: part.type === "text/plain" ? [part] : [], htmls: part.type === "text/html" ? [part] : [] };
  }
  const found = part.children.map(chosen);
  if (part.type !== "multipart/alternative") {
    // Where the first of it is HTML alone, what follows as text is no more than a footer.
    const first = found.find(({ texts, htmls }) => texts.length + htmls.length > 0);
    if (first?.texts.length === 0) return { texts: [], htmls: found.flatMap(({ htmls }) => htmls) };
    return { texts: found.flatMap(({ texts }) => texts), htmls: found.flatMap(({ htmls }) => htmls) };
  }
  return {
    texts: found.find(({ texts }) => texts.length > 0)?.texts ?? [],
    htmls: found.findLast(({ htmls }) => htmls.length > 0)?.htmls ?? [],
  };
}

function lines(part: Part): string {
  const text = charsetText(decoded(part), part.charset).replace(/\r\n?/g, "\n");
  return trimEnd(part.flowed === undefined ? text : unflowed(text, part.flowed === "delsp"), "\n");
}

function isWord(value: string | undefined, word: string): boolean {
  return value?.trim().toLowerCase() === word;
}

function decoded(part: Part): Uint8Array {
  if (part.encoding === "base64") return base64(part.content);
  return toBytes(part.encoding === "quoted-printable" ? quotedPrintable(part.content) : part.content);
}

/** Whatever is no letter of base64 is left out, as is what is behind the padding. */
function base64(content: string): Uint8Array {
  const letters = content.replace(/[^A-Za-z0-9+/=]/g, "").replace(/=.*$/s, "");
  return fromBase64(letters.length % 4 === 1 ? letters.slice(0, -1) : letters) ?? new Uint8Array();
}

function quotedPrintable(content: string): string {
  const lines = content
    .split("\n")
    .map((line) => (line.endsWith("\r") ? `${trimEnd(line.slice(0, -1), " \t")}\r` : trimEnd(line, " \t")));
  return unescaped(lines.join("\n").replace(/=\r?\n/g, ""), "=");
}

function unescaped(text: string, sign: "=" | "%"): string {
  const pattern = sign === "=" ? /=([0-9A-Fa-f]{2})/g : /%([0-9A-Fa-f]{2})/g;
  return text.replace(pattern, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** A value and its parameters, continued and encoded ones put together (RFC 2231). */
function parameters(value: string): [string, ReadonlyMap<string, string>] {
  const [head = ""] = value.split(";", 1);
  const pieces = new Map<string, { at: number; isCoded: boolean; text: string }[]>();
  for (const found of value.slice(head.length).matchAll(/;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/gs)) {
    const [, name = "", quoted, bare] = found;
    const [, base = "", number, star] = /^(.*?)(?:\*(\d{1,4}))?(\*)?$/s.exec(name.toLowerCase()) ?? [];
    const text = quoted === undefined ? (bare ?? "").trim() : quoted.replace(/\\(.)/gs, "$1");
    const list = pieces.get(base) ?? [];
    list.push({ at: number === undefined ? -1 : Number(number), isCoded: star !== undefined, text });
    pieces.set(base, list);
  }
  const params = new Map<string, string>();
  for (const [name, list] of pieces) {
    const numbered = list.filter((one) => one.at >= 0).sort((one, other) => one.at - other.at);
    const single = list.find((one) => one.at < 0 && one.isCoded) ?? list.find((one) => one.at < 0);
    params.set(name, continued(numbered.length > 0 ? numbered : single ? [single] : []));
  }
  return [head.trim().toLowerCase(), params];
}

function continued(list: readonly { isCoded: boolean; text: string }[]): string {
  const [first] = list;
  if (!first?.isCoded) return list.map((one) => one.text).join("");
  const [, charset = "", start = ""] = /^([^']*)'[^']*'(.*)$/s.exec(first.text) ?? ["", "", first.text];
  const octets = [start, ...list.slice(1).map((one) => one.text)]
    .map((text, at) => (list[at]?.isCoded ? unescaped(text, "%") : text))
    .join("");
  return charsetText(toBytes(octets), charset);
}

/** A field as one line, encoded words decoded (RFC 2047); words of one charset are joined before they are decoded. */
function decodeWords(value: string): string {
  const word = /=\?([^?\s]{1,64})\?([bq])\?([^?\s]*)\?=/gi;
  let text = "";
  let end = 0;
  let run: { charset: string; octets: string } | undefined;
  const finish = (): void => {
    if (run) text += charsetText(toBytes(run.octets), run.charset);
    run = undefined;
  };
  for (const found of value.matchAll(word)) {
    const [whole, charset = "", encoding = "", payload = ""] = found;
    const gap = value.slice(end, found.index);
    if (!(run && /^\s*$/.test(gap))) {
      finish();
      text += plain(gap);
    }
    const label = charset.replace(/\*.*$/, "").toLowerCase();
    const octets =
      encoding.toLowerCase() === "b"
        ? toBinary(base64(payload))
        : unescaped(payload.replaceAll("_", " "), "=");
    if (run && run.charset !== label) finish();
    run = { charset: label, octets: (run?.octets ?? "") + octets };
    end = found.index + whole.length;
  }
  finish();
  text += plain(value.slice(end));
  return text.replace(/[\0\r\n]+/g, " ").replace(/\s+/g, " ").trim();
}

function plain(octets: string): string {
  return charsetText(toBytes(octets), "");
}

/** In the charset that is said, else as UTF-8 if it is that, else as what most senders mean who say nothing. */
function charsetText(octets: Uint8Array, charset: string): string {
  const label = charset.trim().replace(/^['"]+|['"]+$/g, "");
  const said = label && label.toLowerCase() !== "us-ascii" ? label : "utf-8";
  for (const [name, fatal] of [[said, true], ["utf-8", true], ["windows-1252", false]] as const) {
    try {
      return new TextDecoder(name, { fatal }).decode(octets).replaceAll("\0", "");
    } catch {
      // Not in this charset, or one that nobody knows: the next one.
    }
  }
  return "";
}

/** The name beside the first address of a field, or in the comment behind it, as it was written once. */
function displayName(value: string): string | null {
  const comment = value.includes("<") ? undefined : /\(([^()]*)\)\s*$/.exec(value.slice(0, 1000))?.[1];
  if (comment !== undefined) return decodeWords(comment) || null;
  const name = /^\s*("(?:[^"\\]|\\.)*"|[^"<,]*)\s*</s.exec(value.slice(0, 1000))?.[1]?.trim() ?? "";
  return decodeWords(name.startsWith('"') ? name.slice(1, -1).replace(/\\(.)/gs, "$1") : name) || null;
}

/** The bare addresses of a list (RFC 5322 section 3.4): names, comments and groups left out. */
function addresses(value: string): string[] {
  const found: string[] = [];
  let word = "";
  let angle: string | undefined;
  let inAngle = false;
  const finish = (): void => {
    const address = (angle ?? word).trim().replace(/\s+/g, "");
    if (/^[^@]+@[^@]+$/.test(address)) found.push(plain(address));
    [word, angle, inAngle] = ["", undefined, false];
  };
  for (let at = 0; at < value.length; at++) {
    const one = value.charAt(at);
    if (one === '"') {
      const end = /^(?:[^"\\]|\\.)*/s.exec(value.slice(at + 1, at + 1000))?.[0].length ?? 0;
      const quoted = value.slice(at, at + end + 2);
      if (inAngle) angle += quoted;
      else word += quoted;
      at += end + 1;
    } else if (one === "(" && !inAngle) {
      at = commentEnd(value, at);
    } else if (one === "<") {
      [angle, inAngle] = ["", true];
    } else if (one === ">") {
      inAngle = false;
    } else if (!inAngle && (one === "," || one === ";")) {
      finish();
    } else if (!inAngle && one === ":") {
      word = "";
    } else if (inAngle) {
      angle += one;
    } else if (angle === undefined) {
      word += one;
    }
  }
  finish();
  return found;
}

function commentEnd(value: string, start: number): number {
  let depth = 0;
  for (let at = start; at < value.length; at++) {
    const one = value.charAt(at);
    if (one === "\\") at++;
    else if (one === "(") depth++;
    else if (one === ")" && --depth === 0) return at;
  }
  return value.length;
}

/** Without these characters at its end; a regular expression would take quadratic time for this. */
function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

const CHUNK = 32_768;

function toBinary(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return text;
}

function toBytes(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
