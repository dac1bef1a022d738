/**
 * How control endpoints speak: JSON for people, CBOR for roles that ask for it (`Accept:
 * application/cbor`), problems by RFC 9457. Request bodies are bounded, of either kind, and pass a
 * schema before a command sees them.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { limits } from "../limits.ts";
import { decodeCbor, encodeCbor } from "../wire/cbor.ts";

const cborType = "application/cbor";

/** JSON of this length holds fewer items and takes fewer bytes than the bounds of CBOR allow. */
const cborTextMax = limits.messageItemsMax;

/**
 * A value as the caller asked for it; numbers that are not finite become null. What is too large
 * for the bounded CBOR that roles read comes as JSON.
 */
export function answer(c: Context, value: object, status: 200 | 201 | 202 | 503 = 200): Response {
  if (c.req.header("accept")?.includes(cborType) === true) {
    const text = JSON.stringify(value);
    if (text.length <= cborTextMax) {
      const bytes = encodeCbor(JSON.parse(text)) as Uint8Array<ArrayBuffer>;
      return c.body(bytes, status, { "content-type": cborType });
    }
  }
  return c.body(`${JSON.stringify(value, undefined, 2)}\n`, status, {
    "content-type": "application/json",
  });
}

/** What happened, where, and what to do next. `type` is stable; people read the rest. */
export type Problem = {
  readonly status: 400 | 401 | 404 | 409 | 413 | 415 | 421 | 507;
  readonly type: string;
  readonly detail: string;
  readonly remedy: string;
};

export function problem(c: Context, { status, type, detail, remedy }: Problem): Response {
  const body = { type: `/problems/${type}`, title: type, status, detail, remedy };
  return c.body(`${JSON.stringify(body, undefined, 2)}\n`, status, {
    "content-type": "application/problem+json",
  });
}

/** The request's body as the schema has it, or the problem with it. */
export async function bodyOf<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema> | Problem> {
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  if (bytes.length > limits.bodyBytesMax) return bodyTooLarge;
  const raw = c.req.header("content-type")?.includes(cborType) ? fromCbor(bytes) : fromJson(bytes);
  if (raw === undefined) {
    return refused(400, "body-unreadable", "the body is neither JSON nor CBOR", "See `GET /`.");
  }
  const parsed = v.safeParse(schema, raw.value);
  if (parsed.success) return parsed.output;
  const [first, ...rest] = parsed.issues;
  const issues = v.summarize([first, ...rest.slice(0, issuesMax - 1)]);
  return refused(400, "body-invalid", issues, "Correct these fields.");
}

/** Faults that one answer names: a body may have one in each of many thousand items. */
const issuesMax = 20;

export const isProblem = (value: unknown): value is Problem =>
  typeof value === "object" && value !== null && "remedy" in value && "status" in value;

export const refused = (
  status: Problem["status"],
  type: string,
  detail: string,
  remedy: string,
): Problem => ({ status, type, detail, remedy });

export const bodyTooLarge: Problem = refused(
  413,
  "body-too-large",
  `a body has at most ${limits.bodyBytesMax} bytes`,
  "Send less at once.",
);

function fromJson(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function fromCbor(bytes: Uint8Array): { value: unknown } | undefined {
  const decoded = decodeCbor(bytes);
  return typeof decoded === "string" ? undefined : decoded;
}
