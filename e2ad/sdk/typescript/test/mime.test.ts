import assert from "node:assert/strict";
import { test } from "node:test";
import { readMail } from "../src/mime.js";

function read(text: string) {
  return readMail(Buffer.from(text, "latin1"));
}

function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

const SUBJECTS: readonly [string, string][] = [
  ["plain", "plain"],
  ["=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= an =?utf-8?b?w6Q=?=", "Grüße an ä"],
  ["=?utf-8?b?w6TDtg==?=\r\n =?utf-8?b?w7w=?=", "äöü"],
  ["=?utf-8?b?w6TD?= =?utf-8?b?tg==?=", "äö"],
  ["=?iso-8859-1*de?q?=E4_b?=", "ä b"],
  ["=?nobody?q?=41=E4?=", "Aä"],
  ["=?utf-8?q?broken", "=?utf-8?q?broken"],
  [utf8("naïve"), "naïve"],
  ["caf\xe9", "café"],
  ["a\r\n\tb   c", "a b c"],
];

for (const [given, expected] of SUBJECTS) {
  test(`subject ${JSON.stringify(given)}`, () => assert.equal(read(`Subject: ${given}\r\n\r\nx`).subject, expected));
}

const NAMES: readonly [string, string | null][] = [
  ['attachment; filename="a.csv"', "a.csv"],
  ["attachment; filename=a.csv", "a.csv"],
  ['attachment; filename="../../etc/passwd"', "passwd"],
  ["attachment; filename=C:\\x\\y.txt", "y.txt"],
  ["attachment; filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"],
  ["attachment; filename*0*=UTF-8''na%C3; filename*1*=%AFve; filename*2=.txt", "naïve.txt"],
  ['attachment; filename="=?utf-8?q?na=C3=AFve?="', "naïve"],
  ['attachment; filename="a\\"b"', 'a"b'],
  ['attachment; filename="open', "open"],
  ["attachment", null],
];

for (const [given, expected] of NAMES) {
  test(`filename in ${given}`, () => {
    const [found] = read(`Content-Disposition: ${given}\r\n\r\nx`).attachments;
    assert.equal(found?.filename, expected);
  });
}

const LISTS: readonly [string, string[]][] = [
  ["a@b.test", ["a@b.test"]],
  ['"Last, First" <a@b.test>, c@d.test (c, d)', ["a@b.test", "c@d.test"]],
  ["friends: a@b.test, <c@d.test>;, e@f.test", ["a@b.test", "c@d.test", "e@f.test"]],
  ["undisclosed-recipients:;", []],
  ["nobody", []],
  ["(((((", []],
  ['"open', []],
];

for (const [given, expected] of LISTS) {
  test(`addresses ${given}`, () => assert.deepEqual(read(`To: ${given}\r\n\r\nx`).to, expected));
}

test("alternatives are one content", () => {
  const mail = read(
    "Content-Type: multipart/alternative; boundary=x\n\n--x\n\nplain\n--x\nContent-Type: text/html\n\n<p>html</p>\n--x--\n",
  );
  assert.deepEqual([mail.text, mail.html, mail.attachments], ["plain", "<p>html</p>", []]);
});

test("a mail of HTML alone has no text", () => {
  const mail = read("Content-Type: text/html; charset=utf-8\r\n\r\n<p>h</p>");
  assert.deepEqual([mail.text, mail.html], [null, "<p>h</p>"]);
});

test("a mail in a mail is attached", () => {
  const mail = read(
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nb\r\n--x--",
  );
  assert.equal(mail.text, "one");
  assert.equal(Buffer.from(mail.attachments[0]?.data ?? []).toString(), "Subject: in\r\n\r\nb");
  assert.equal(mail.attachments[0]?.contentType, "message/rfc822");
});

test("transfer encodings are taken off", () => {
  const text = (encoding: string, body: string): string | null =>
    read(`Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`).text;
  assert.equal(text("base64", "w6Q=\r\n"), "ä");
  assert.equal(text("BASE64", "w6 Q"), "ä");
  assert.equal(text("base64", "!!!"), "");
  assert.equal(text("quoted-printable", "a=\r\nb=C3=A4=3D  \r\nc=ZZ"), "abä=\nc=ZZ");
  assert.equal(text("8bit", utf8("ä")), "ä");
});

const ODD = ["", "\r\n", "\n", "no field at all", "A", ":", "From x\nSubject: y\n\nz", "Content-Type: multipart/mixed\n\nx", "Subject:"];
for (const mail of ODD) test(`odd mail ${JSON.stringify(mail)} is read`, () => void read(mail));

test("hostile mail takes no time", () => {
  const many = 400_000;
  const began = performance.now();
  read(`Content-Type: text/plain\n\n${"\n".repeat(many)}x`);
  read(`Content-Transfer-Encoding: quoted-printable\n\n${" ".repeat(many)}x`);
  read(`Subject: ${"=?utf-8?q?".repeat(many / 10)}\n\nx`);
  read(`Subject: ${" ".repeat(200_000)}x\n\nx`);
  read(`To: ${"<".repeat(200_000)}\n\nx`);
  read(`To: ${"(".repeat(200_000)}\n\nx`);
  read(`To: ${'"'.repeat(200_000)}\n\nx`);
  read(`Content-Type: text/plain${"; a".repeat(60_000)}\n\nx`);
  read(`Content-Type: text/plain;${" ".repeat(200_000)}x\n\nx`);
  read(`Content-Type: multipart/mixed; boundary="${" ".repeat(200_000)}x"\n\nx`);
  read(`Content-Type: multipart/mixed; boundary=x\n\n${"--x\n".repeat(many / 4)}`);
  read("Content-Type: multipart/mixed; boundary=x\n\n--x\n".repeat(5_000));
  read(`Content-ID: ${">".repeat(200_000)}x\n\nx`);
  read(`${"A: b\n".repeat(40_000)}\nx`);
  assert.ok(performance.now() - began < 8_000, `${performance.now() - began} ms`);
});

test("any octets are read", () => {
  const odd = ["\n", "\r", "-", "=", "?", ";", '"', ":", " ", "\0", "\x80", "\xff", "A", "--x", "Content-Type: multipart/mixed; boundary=x\n"];
  let seed = 7;
  const next = (): number => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 2_000; round++) {
    let mail = "Content-Type: multipart/mixed; boundary=x\n";
    for (let at = next() % 60; at > 0; at--) mail += odd[next() % odd.length] ?? "";
    read(mail);
  }
});

const SENDERS: readonly [string, string | null][] = [
  ["Ada L <a@b.test>", "Ada L"],
  ['"Last, \\"First\\"" <a@b.test>', 'Last, "First"'],
  ["=?utf-8?q?Zo=C3=AB?= <a@b.test>", "Zoë"],
  ["a@b.test (Ada)", "Ada"],
  ["a@b.test", null],
  ["<a@b.test>", null],
  ["", null],
];

for (const [given, expected] of SENDERS) {
  test(`sender ${given}`, () => assert.equal(read(`From: ${given}\r\n\r\nx`).senderName, expected));
}

const FLOWED: readonly [string, string, string][] = [
  ["format=flowed", "one \r\ntwo\r\n\r\n> old \r\n> words\r\n-- \r\nAda \r\nL", "one two\n\n> old words\n-- \nAda L"],
  ["format=flowed; delsp=yes", "on \r\ne\r\n stuffed", "one\nstuffed"],
  ["format=fixed", "one \r\ntwo", "one \ntwo"],
];

for (const [given, body, expected] of FLOWED) {
  test(`lines of ${given}`, () => assert.equal(read(`Content-Type: text/plain; ${given}\r\n\r\n${body}`).text, expected));
}

test("a footer is not the text of a mail of HTML, and blanks are none", () => {
  const parts = (first: string, second: string) =>
    read(`Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: text/${first}\r\n\r\n--q\r\nContent-Type: text/${second}\r\n\r\n--q--`);
  assert.equal(parts("html\r\n\r\n<p>Yes", "plain\r\n\r\nThe list").text, null);
  assert.equal(parts("plain\r\n\r\nYes", "html\r\n\r\n<p>The list").text, "Yes");
  assert.equal(parts("plain\r\n\r\n ", "html\r\n\r\n<p>Yes").text, null);
});
