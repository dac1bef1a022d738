/**
 * The exit statuses of every `fastcast` command. Scripts depend on the numbers: a number is never
 * given a second meaning.
 */
export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  configuration: 3,
  unreachable: 4,
  unauthorized: 5,
  permission: 6,
  partial: 7,
  timeout: 8,
} as const;

/** What each status tells the caller, as `--help` prints it. */
export const exitMeaning: Record<keyof typeof exitStatus, string> = {
  done: "done",
  failed: "the operation failed",
  usage: "wrong usage: unknown command, option or argument",
  configuration: "the configuration has faults, all of them listed",
  unreachable: "the control endpoint does not answer",
  unauthorized: "the token is missing or wrong",
  permission: "a privilege, interface or kernel feature is missing",
  partial: "part of the work succeeded",
  timeout: "a wait ended by its time limit",
};

/** An end that the user can act on: `fastcast: message` on stderr, then this exit status. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
