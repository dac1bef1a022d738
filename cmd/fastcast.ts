/**
 * The entry of the one executable, and of the worker threads that it starts: in a compiled
 * executable a worker can only run this file. Nothing is imported before that is told apart.
 */
if (Bun.isMainThread) {
  // A reader that has seen enough, such as `head`, closes the pipe: no defect of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const { run } = await import("./program.ts");
  process.exitCode = await run(process.argv.slice(2));
} else {
  const { runPoller } = await import("../src/io/poller.ts");
  runPoller();
}
