/** What the generated types say of an operation: its path's parts, its query, its body, its answer. */

import type { operations, paths } from "./schema.js";

export type Method = "get" | "put" | "post" | "delete" | "patch";

/** The paths that know a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];

/** The operation of a method and a path. */
export type OperationOf<M extends Method, P extends keyof paths> = paths[P][M];

export type OperationId = keyof operations;

/** What fills a path's braces. */
export type Parts<O> = O extends { parameters: { path: infer T extends object } }
  ? { readonly [K in keyof T]: string | number }
  : undefined;

type Query<O> = O extends { parameters: { query?: infer T } } ? NonNullable<T> : never;

/** The JSON that a call takes. */
export type Body<O> = O extends { requestBody?: { content: { "application/json": infer T } } } ? T : undefined;

type Success<O> = O extends { responses: infer R } ? R[keyof R & (200 | 201 | 202)] : never;

/** The JSON that a call answers. */
export type Result<O> = Success<O> extends { content: { "application/json": infer T } } ? T : never;

type Camel<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

type Instant = "since" | "until" | "start" | "end" | `${string}_after` | `${string}_before`;

type Given<Name, T> = Name extends "labels"
  ? T | readonly string[]
  : Name extends Instant
    ? T | Date
    : [T] extends ["true" | "false"]
      ? T | boolean
      : T;

/**
 * What narrows or shapes a call, in camelCase; the cursor is the pager's, the confirmation the client's.
 *
 * Times are `Date` or RFC 3339 text, labels a list or text with commas.
 */
export type Options<Id extends OperationId> = {
  readonly [K in keyof Query<operations[Id]> as K extends "cursor" | "confirm" ? never : Camel<K>]?:
    | Given<K, NonNullable<Query<operations[Id]>[K]>>
    | undefined;
};

/** The body of an operation by its name. */
export type BodyOf<Id extends OperationId> = Body<operations[Id]>;

/** The answer of an operation by its name. */
export type ResultOf<Id extends OperationId> = Result<operations[Id]>;

/** The rows of a list by its name. */
export type ItemOf<Id extends OperationId> = ResultOf<Id> extends { items: readonly (infer T)[] } ? T : never;
