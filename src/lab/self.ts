/** How FastCast starts itself again: the compiled executable alone, or Bun with the entry file. */
import { fileURLToPath } from "node:url";

/** Compiled code lives in Bun's virtual file system. */
const isCompiled = import.meta.url.includes("/$bunfs/");

const entry = fileURLToPath(new URL("../../cmd/fastcast.ts", import.meta.url));

/** The command that, followed by FastCast's arguments, starts it again. */
export const selfCommand = (): readonly string[] =>
  isCompiled ? [process.execPath] : [process.execPath, entry];
