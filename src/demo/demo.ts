/**
 * The demo's run: raises a lab, starts its programs, lets the events of the timeline happen,
 * watches every part, and judges. It owns the lab and the programs, and removes them however it
 * ends. It knows FastCast only from outside: by its commands and its control endpoints.
 */
import { LabFault } from "../lab/fault.ts";
import { labDown, labRestart, labUp, requireProcess } from "../lab/lab.ts";
import type { LabOptions } from "../lab/machines.ts";
import { inNamespace } from "../lab/namespaces.ts";
import { isAlive, logTail, sendSignal } from "../lab/processes.ts";
import { selfCommand } from "../lab/self.ts";
import { type LabState, requireMachine, requireState } from "../lab/state.ts";
import { limits } from "../limits.ts";
import { framesFor, isSettling, lossesAt, sitesWanting } from "./control.ts";
import { GuestWatch } from "./guest-watch.ts";
import { type LiveLine, liveLine, type Scene } from "./live.ts";
import { freeName, group, guest, labOptions, plainWan, port, sender, steady } from "./stage.ts";
import { Station } from "./station.ts";
import {
  type DemoEvent,
  type EventName,
  firstPacketMsMax,
  opening,
  tailMs,
  timelineOf,
} from "./timeline.ts";
import {
  grouped,
  noReport,
  type ReceiverReport,
  type SendReport,
  type Verdict,
  verdictOf,
} from "./verdict.ts";

export type DemoOptions = {
  readonly durationMs: number;
  readonly ratePps: number;
  readonly sizeBytes: number;
  readonly almrp: LabOptions["almrp"];
  /** Leaves the lab up. */
  readonly keep: boolean;
};

/** Who watches. */
export interface Audience {
  /** What is done before and after the stream. */
  say(text: string): void;
  show(scene: Scene): void;
  end(): void;
}

export type Outcome = Verdict & {
  readonly lab: string;
  readonly almrp: LabOptions["almrp"];
  readonly durationMs: number;
  readonly events: readonly { readonly event: EventName; readonly atMs: number }[];
  /** Packets at the Router of a site while it had no member; the sender's for the whole time. */
  readonly sitesWithoutMember: readonly { readonly site: string; readonly frames: number }[];
  /** Counters of lost, dropped and refused things that are not 0. */
  readonly losses: readonly { readonly site: string; readonly counters: Losses }[];
};

type Losses = Awaited<ReturnType<typeof lossesAt>>;

const tickMs = 100;
const pollMs = 20;
const gatherMs = 10_000;
const settleMs = limits.settlingMs + 10_000;
/** How long the last packets may be on their way. */
const drainMs = 2_000;

/** Runs the demo and removes everything it made. Throws `LabFault`. */
export async function runDemo(
  options: DemoOptions,
  audience: Audience,
  interrupt: AbortSignal,
): Promise<Outcome> {
  const name = freeName();
  audience.say(`Raising four sites with a Manager in network namespaces (lab ${name}) …`);
  const state = await labUp(labOptions(name, options.almrp), plainWan, interrupt);
  const demo = new Demo(state, options, audience, interrupt);
  try {
    return await demo.run();
  } catch (error) {
    if (!options.keep || !(error instanceof LabFault)) throw error;
    const remove = `fastcast lab down --name ${name}`;
    throw new LabFault(error.kind, `${error.message}\nThe lab ${name} stays. Remove it: ${remove}`);
  } finally {
    await demo.end();
    if (!options.keep) {
      audience.say(`Removing the lab ${name} …`);
      await labDown(name);
    }
  }
}

const interrupted = ({ keep }: DemoOptions): LabFault =>
  new LabFault("failed", keep ? "interrupted" : "interrupted; its lab is removed again");

class Demo {
  #state: LabState;
  readonly #options: DemoOptions;
  readonly #audience: Audience;
  readonly #stop = new AbortController();
  readonly #upMs = performance.now();
  readonly #receivers = new Map<string, Station<ReceiverReport>>();
  readonly #events: readonly DemoEvent[];
  /** Since the start of the stream. */
  readonly #happened = new Map<EventName, number>();
  readonly #acts: Readonly<Record<EventName, () => Promise<void>>> = {
    join: () => this.#join(),
    kill: () => this.#kill(),
    restart: () => this.#restart(),
    leave: () => this.#leave(),
  };
  #sender: Station<SendReport> | undefined;
  #startMs = 0;
  #words: string = opening.words;
  #watching: Promise<void> | undefined;
  #isOver = false;
  #managerIsDead = false;
  #outage = { durationMs: 0, sent: 0 };
  readonly #guest = new GuestWatch();

  constructor(state: LabState, options: DemoOptions, audience: Audience, interrupt: AbortSignal) {
    this.#state = state;
    this.#options = options;
    this.#audience = audience;
    this.#events = timelineOf(options.durationMs);
    const onInterrupt = (): void => this.#fail(interrupted(options));
    interrupt.addEventListener("abort", onInterrupt, { once: true });
    if (interrupt.aborted) onInterrupt();
  }

  async run(): Promise<Outcome> {
    await this.#gather();
    this.#startMs = performance.now();
    this.#sender = this.#send();
    this.#watching = this.#watch();
    for (const { name, atMs, words } of this.#events) {
      await this.#until(atMs);
      this.#words = words;
      this.#happened.set(name, this.#elapsedMs());
      await this.#acts[name]();
    }
    await this.#until(Math.max(this.#options.durationMs, this.#guest.leftMs + tailMs));
    return this.#judge(await this.#sender.stop(), this.#elapsedMs());
  }

  /** Ends the programs, whatever became of the run. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
    const stations = [...this.#receivers.values(), ...(this.#sender ? [this.#sender] : [])];
    await Promise.all(stations.map((station) => station.kill()));
  }

  // Before the stream.

  /** Receivers have joined, every site that takes part knows it, and the leave will be heeded. */
  async #gather(): Promise<void> {
    this.#audience.say(`${steady.join(" and ")} join ${group} …`);
    await Promise.all(steady.map((site) => this.#receive(site)));
    for (const site of [sender, ...steady]) {
      await this.#poll(gatherMs, `${site} does not learn who wants ${group}`, async () => {
        const wanting = await sitesWanting(this.#socket(site), group);
        return steady.every((one) => wanting.includes(one));
      });
    }
    const leaveAtMs = this.#events.at(-1)?.atMs ?? 0;
    const settledMs = this.#upMs + limits.settlingMs;
    const waitMs = settledMs - leaveAtMs - performance.now();
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      this.#audience.say(`New Gateways do not withdraw groups yet: waiting ${seconds} s …`);
    }
    while (performance.now() < settledMs - leaveAtMs) await this.#breath();
  }

  async #receive(site: string): Promise<void> {
    const name = `${site}/host1`;
    const station = new Station<ReceiverReport>(
      `recv on ${name}`,
      this.#argv(name, "recv", "--json-lines", "--interval", "0.2"),
      (fault) => this.#fail(fault),
    );
    this.#receivers.set(site, station);
    await station.said(`joined ${group}`);
  }

  #send(): Station<SendReport> {
    const { ratePps, sizeBytes } = this.#options;
    const name = `${sender}/host1`;
    const stream = ["--rate", String(ratePps), "--size", String(sizeBytes)];
    return new Station<SendReport>(
      `send on ${name}`,
      this.#argv(name, "send", ...stream, "--json-lines", "--interval", "0.1"),
      (fault) => this.#fail(fault),
    );
  }

  #argv(machine: string, command: string, ...flags: string[]): string[] {
    const { namespace } = requireMachine(this.#state, machine);
    const argv = [...selfCommand(), command, `${group}:${port}`, "--interface", "eth0", ...flags];
    return inNamespace(namespace, argv);
  }

  #socket(site: string): string {
    return requireProcess(this.#state, `${site}/edge`).socket;
  }

  // The events.

  async #join(): Promise<void> {
    await this.#countGuestFrames();
    this.#guest.onJoin();
    await this.#receive(guest);
    // The next event takes the Manager away, which a join needs until its tree stands.
    const deadlineMs = performance.now() + firstPacketMsMax;
    while (performance.now() < deadlineMs && !this.#guest.hasFrames) {
      await this.#breath();
      await this.#countGuestFrames();
    }
  }

  async #kill(): Promise<void> {
    const manager = requireProcess(this.#state, "manager");
    this.#managerIsDead = true;
    this.#outage = { durationMs: -this.#elapsedMs(), sent: -this.#sent() };
    sendSignal(manager.pid, "SIGKILL");
    await this.#poll(drainMs, "the Manager does not die", async () => !isAlive(manager));
    const sent = this.#sent();
    await this.#poll(drainMs, "the sender does not send", async () => this.#sent() > sent);
  }

  async #restart(): Promise<void> {
    this.#outage.durationMs += this.#elapsedMs();
    this.#outage.sent += this.#sent();
    await labRestart(this.#state, requireProcess(this.#state, "manager"));
    this.#state = requireState(this.#state.options.name);
    this.#managerIsDead = false;
  }

  async #leave(): Promise<void> {
    await this.#poll(settleMs, `the Gateway of ${guest} does not settle`, async () => {
      return !(await isSettling(this.#socket(guest)));
    });
    const leaving = this.#receivers.get(guest)?.stop();
    this.#guest.onLeave(this.#elapsedMs(), Date.now());
    this.#guest.report = await leaving;
  }

  // While packets flow.

  /** Shows the scene and sees to it that every part runs, until the end. */
  async #watch(): Promise<void> {
    try {
      while (!this.#isOver && !this.#stop.signal.aborted) {
        this.#requireRoles();
        await this.#countGuestFrames();
        this.#audience.show(this.#scene());
        await Bun.sleep(tickMs);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #requireRoles(): void {
    const dead = this.#state.processes.find(
      (one) => !isAlive(one) && !(one.role === "manager" && this.#managerIsDead),
    );
    if (!dead) return;
    const tail = logTail(dead.log).replace(/^/gm, "  ");
    throw new LabFault("failed", `${dead.machine}: ${dead.role} ended. Its log:\n${tail}`);
  }

  async #countGuestFrames(): Promise<void> {
    this.#guest.onFrames(await framesFor(this.#socket(guest)), this.#elapsedMs());
  }

  #scene(): Scene {
    const { durationMs, ratePps, sizeBytes } = this.#options;
    const stream = `${grouped(ratePps)} packets/s of ${grouped(sizeBytes)} bytes`;
    const from = `${sender}/host1`;
    return {
      elapsedMs: Math.min(this.#elapsedMs(), durationMs),
      durationMs,
      headline: `FastCast demo: ${stream}, ${from} to ${group}`,
      lines: [
        liveLine(sender, "sends", undefined, this.#sent()),
        ...[...steady, guest].map((site) => this.#liveLine(site)),
      ],
      events: [
        { atMs: 0, title: opening.title },
        ...this.#events.map(({ name, title }) => ({ atMs: this.#happened.get(name), title })),
      ],
      words: this.#words,
    };
  }

  #liveLine(site: string): LiveLine {
    const report = this.#receivers.get(site)?.report;
    if (site !== guest) return liveLine(site, "yes", report, this.#sent());
    const member = this.#guest.hasLeft ? "left" : this.#receivers.has(site) ? "yes" : "not yet";
    return liveLine(site, member, report, this.#sent());
  }

  #sent(): number {
    return this.#sender?.report?.sent ?? 0;
  }

  // The end.

  async #judge(report: SendReport, streamMs: number): Promise<Outcome> {
    await this.#drain(report.sent);
    const reports = new Map<string, ReceiverReport>();
    for (const site of steady) {
      const station = this.#receivers.get(site);
      if (station) reports.set(site, await station.stop());
    }
    await this.#countGuestFrames();
    const framesBack = await framesFor(this.#socket(sender));
    const { addresses } = requireMachine(this.#state, `${sender}/host1`);
    const source = addresses[0]?.address.replace(/\/\d+$/, "") ?? "";
    const verdict = verdictOf({
      sender: { site: sender, source, report },
      framesBack,
      steady: steady.map((site) => ({ site, report: reports.get(site) ?? noReport })),
      guest: { site: guest, ...this.#guest.observed(streamMs) },
      outage: this.#outage,
    });
    const losses = await Promise.all(
      [sender, ...steady, guest].map(async (site) => ({
        site,
        counters: await lossesAt(this.#socket(site)),
      })),
    );
    this.#stop.signal.throwIfAborted();
    return {
      ...verdict,
      losses,
      lab: this.#state.options.name,
      almrp: this.#options.almrp,
      durationMs: Math.round(streamMs),
      events: this.#events.map(({ name }) => ({
        event: name,
        atMs: Math.round(this.#happened.get(name) ?? 0),
      })),
      sitesWithoutMember: [
        { site: sender, frames: framesBack },
        { site: guest, frames: this.#guest.framesBefore },
      ],
    };
  }

  /** Until the steady receivers have all, or have had the time for it. */
  async #drain(sent: number): Promise<void> {
    const deadlineMs = performance.now() + drainMs;
    const isLacking = (site: string): boolean =>
      (this.#receivers.get(site)?.report?.senders[0]?.received ?? 0) < sent;
    while (performance.now() < deadlineMs && steady.some(isLacking)) await this.#breath();
  }

  // Time.

  #elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  async #until(elapsedMs: number): Promise<void> {
    while (this.#elapsedMs() < elapsedMs) await this.#breath();
  }

  async #poll(limitMs: number, fault: string, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (!(await holds())) {
      if (performance.now() > deadlineMs) throw new LabFault("timeout", fault);
      await this.#breath();
    }
  }

  async #breath(): Promise<void> {
    await Bun.sleep(pollMs);
    this.#stop.signal.throwIfAborted();
  }

  #fail(fault: unknown): void {
    this.#stop.abort(fault);
  }
}
