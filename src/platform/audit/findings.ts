/** What somebody did to the log. */
export type AuditFaultKind =
  /** an event says something else than what was written */
  | 'altered'
  /** an event was written by somebody without the key, or by an old version */
  | 'unmarked'
  /** events were deleted */
  | 'missing'
  /** an event stands in another place than it got */
  | 'moved'
  /** an event that retention had deleted was put back */
  | 'returned'
  /** the end of the chain was altered, set back or deleted */
  | 'head'
  /** a day's checkpoint was altered, or the chain differs from it */
  | 'checkpoint'
  /** the checkpoint of what retention deleted was altered */
  | 'retention'
  /** something was wrong among events that retention has deleted since */
  | 'retired';

export type AuditFault = { kind: AuditFaultKind; sequence: number | null; eventId: string | null; message: string };

export type Findings = {
  add(kind: AuditFaultKind, message: string, event?: { sequence: number | null; id?: string }): void;
  /** the first of them, and how many there are */
  result(): { faults: AuditFault[]; faultCount: number };
};

const MAX_TOLD = 100;

export function createFindings(): Findings {
  const faults: AuditFault[] = [];
  let faultCount = 0;
  return {
    add(kind, message, event) {
      faultCount += 1;
      if (faults.length < MAX_TOLD) faults.push({ kind, message, sequence: event?.sequence ?? null, eventId: event?.id ?? null });
    },
    result: () => ({ faults, faultCount }),
  };
}
