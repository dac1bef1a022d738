/**
 * What a Manager must remember over a restart, in one SQLite file: its term, the next Flow ID, and
 * the flows with their trees. Terms and Flow IDs are never given out twice.
 */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Flows are kept as JSON: the caller knows their shape. */
export type StoredFlow = { readonly key: string; readonly json: string };

export class ManagerStore {
  readonly #database: Database;

  /** Opens or creates the file. Throws the error of SQLite when that fails. */
  constructor(path: string) {
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
    this.#database = new Database(path, { create: true, strict: true });
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("CREATE TABLE IF NOT EXISTS number (name TEXT PRIMARY KEY, value INTEGER)");
    this.#database.run("CREATE TABLE IF NOT EXISTS flow (key TEXT PRIMARY KEY, json TEXT)");
  }

  /** The term of this life: one higher than that of the last, written before it is used. */
  nextTerm(): number {
    const term = this.#number("term", 0) + 1;
    this.#setNumber("term", term);
    return term;
  }

  read(): { nextFlow: number; flows: StoredFlow[] } {
    const flows = this.#database.query<StoredFlow, []>("SELECT key, json FROM flow").all();
    return { nextFlow: this.#number("nextFlow", 1), flows };
  }

  /** Replaces everything in one transaction. */
  write(term: number, nextFlow: number, flows: readonly StoredFlow[]): void {
    this.#database.transaction(() => {
      this.#setNumber("term", term);
      this.#setNumber("nextFlow", nextFlow);
      this.#database.run("DELETE FROM flow");
      const insert = this.#database.query("INSERT INTO flow (key, json) VALUES ($key, $json)");
      for (const { key, json } of flows) insert.run({ key, json });
    })();
  }

  close(): void {
    this.#database.close();
  }

  #number(name: string, fallback: number): number {
    const query = this.#database.query<{ value: number }, { name: string }>(
      "SELECT value FROM number WHERE name = $name",
    );
    return query.get({ name })?.value ?? fallback;
  }

  #setNumber(name: string, value: number): void {
    this.#database
      .query("INSERT OR REPLACE INTO number (name, value) VALUES ($name, $value)")
      .run({ name, value });
  }
}
