/**
 * A picture on a terminal, redrawn in place: the cursor goes back up, every line is overwritten and
 * its rest cleared, all in one write, so that nothing flickers. A line is cut where the terminal
 * ends, since a wrapped one would be two.
 */
export type Terminal = {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
};

const cursor = { hide: "\x1b[?25l", show: "\x1b[?25h" } as const;
/** Terminals that know it show what is between at once; others ignore it. */
const atOnce = { begin: "\x1b[?2026h", end: "\x1b[?2026l" } as const;
const clearRest = "\x1b[K";
const clearBelow = "\x1b[J";

export class Screen {
  readonly #terminal: Terminal;
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal;
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
    const start = this.#drawn === 0 ? cursor.hide : `\r\x1b[${this.#drawn}A`;
    const body = shown.map((line) => `${line}${clearRest}\n`).join("");
    this.#terminal.write(`${atOnce.begin}${start}${body}${clearBelow}${atOnce.end}`);
    this.#drawn = shown.length;
  }

  /** Takes the picture away. */
  clear(): void {
    if (this.#drawn > 0) this.#terminal.write(`\r\x1b[${this.#drawn}A${clearBelow}${cursor.show}`);
    this.#drawn = 0;
  }

  /** Leaves the picture where it is. */
  end(): void {
    if (this.#drawn > 0) this.#terminal.write(cursor.show);
    this.#drawn = 0;
  }
}

/** A line that is too long loses its colours as well. */
const cut = (line: string, columns: number): string =>
  Bun.stringWidth(line) <= columns ? line : Bun.stripANSI(line).slice(0, columns);
