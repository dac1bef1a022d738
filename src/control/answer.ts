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

/** A value as the caller asked for it; numbers that are not finite become null in JSON. */
export function answer(c: Context, value: object, status: 200 | 201 | 202 = 200): Response {
  if (c.req.header("accept")?.includes(cborType) === true) {
    return c.body(encodeCbor(plain(value)) as Uint8Array<ArrayBuffer>, status, {
      "content-type": cborType,
    });
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
  if (bytes.length > limits.bodyBytesMax) {
    return refused(
      413,
      "body-too-large",
      `the body has ${bytes.length} bytes`,
      "Send less at once.",
    );
  }
  const raw = c.req.header("content-type")?.includes(cborType) ? fromCbor(bytes) : fromJson(bytes);
  if (raw === undefined) {
    return refused(400, "body-unreadable", "the body is neither JSON nor CBOR", "See `GET /`.");
  }
  const parsed = v.safeParse(schema, raw.value);
  if (parsed.success) return parsed.output;
  return refused(400, "body-invalid", v.summarize(parsed.issues), "Correct these fields.");
}

export const isProblem = (value: unknown): value is Problem =>
  typeof value === "object" && value !== null && "remedy" in value && "status" in value;

export const refused = (
  status: Problem["status"],
  type: string,
  detail: string,
  remedy: string,
): Problem => ({ status, type, detail, remedy });

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

/** What JSON would show: no undefined fields, no numbers without a value. */
const plain = (value: object): unknown => JSON.parse(JSON.stringify(value));
