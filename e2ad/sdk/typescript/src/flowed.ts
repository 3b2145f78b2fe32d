/** format=flowed text (RFC 3676), which mail programs write whose lines may be broken anew. */

/**
 * Lines as their writer typed them: soft breaks joined, a change of the quotation's depth ends a paragraph.
 *
 * @param delsp whether the blank before a soft break is no part of the text.
 */
export function unflowed(text: string, delsp: boolean): string {
  const done: string[] = [];
  let paragraph: string[] = [];
  let depth = 0;
  const flush = (): void => {
    if (paragraph.length > 0) done.push((depth > 0 ? `${">".repeat(depth)} ` : "") + paragraph.join(""));
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    const marks = /^>*/.exec(line)?.[0].length ?? 0;
    const content = line.slice(marks).replace(/^ /, "");
    if (marks !== depth) flush();
    depth = marks;
    const isSignature = content === "-- ";
    if (isSignature) flush();
    const isSoft = content.endsWith(" ") && !isSignature;
    paragraph.push(isSoft && delsp ? content.slice(0, -1) : content);
    if (!isSoft) flush();
  }
  flush();
  return done.join("\n");
}
