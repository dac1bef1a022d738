/** What keeps a lab from doing what it was asked; `cmd/lab.ts` turns the kind into a status. */
export type LabFaultKind = "failed" | "usage" | "unreachable" | "permission" | "timeout";

export class LabFault extends Error {
  override readonly name = "LabFault";
  readonly kind: LabFaultKind;

  constructor(kind: LabFaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
