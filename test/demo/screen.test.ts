import { expect, test } from "bun:test";
import { Screen } from "../../src/demo/screen.ts";

function terminal(columns = 20, rows = 10) {
  const writes: string[] = [];
  return { columns, rows, writes, write: (text: string) => void writes.push(text) };
}

test("each picture is one write over the one before", () => {
  const on = terminal();
  const screen = new Screen(on);
  screen.draw(["one", "two"]);
  screen.draw(["three"]);
  expect(on.writes).toEqual([
    "\x1b[?2026h\x1b[?25lone\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[?2026l",
    "\x1b[?2026h\r\x1b[2Athree\x1b[K\n\x1b[J\x1b[?2026l",
  ]);
});

test("lines are cut to the terminal, the picture to its height", () => {
  const on = terminal(5, 3);
  new Screen(on).draw(["\x1b[1mabcdefgh\x1b[0m", "b", "c"]);
  expect(on.writes[0]).toContain("abcde\x1b[K\nb\x1b[K\n\x1b[J");
});

test("it can be taken away, and the cursor comes back once", () => {
  const on = terminal();
  const screen = new Screen(on);
  screen.clear();
  expect(on.writes).toEqual([]);
  screen.draw(["one"]);
  screen.clear();
  screen.clear();
  expect(on.writes.slice(1)).toEqual(["\r\x1b[1A\x1b[J\x1b[?25h"]);
});
