/** The socket of `fastcast recv`: bound to one group's own address, joined on one interface. */
import { type Address, familyOf } from "../src/base/address.ts";
import {
  raiseReceiveBuffer,
  receiveDrops,
  receiveOwnGroupsOnly,
} from "../src/io/socket-options.ts";
import { CommandError } from "./exit.ts";
import type { Interface } from "./multicast-options.ts";
import {
  anyAddress,
  descriptorOf,
  type ErrorHandler,
  reuseAddress,
  systemError,
} from "./multicast-socket.ts";

/** The default buffer holds 256 small datagrams. */
const wantedBufferBytes = 4 * 1024 * 1024;

export type JoinRequest = {
  readonly group: Address;
  readonly port: number;
  readonly at: Interface;
  /** Empty for (*,G). */
  readonly sources: readonly Address[];
  /** The bytes are the callee's own; `source` carries `%interface` when it is link-local. */
  readonly onDatagram: (bytes: Uint8Array, port: number, source: string) => void;
  readonly onError: ErrorHandler;
};

export type Membership = {
  readonly at: Interface;
  /** Undefined where the system's default stays. */
  readonly receiveBufferBytes: number | undefined;
  receiveDrops(): number | undefined;
  leave(): void;
};

type GroupSocket = Bun.udp.Socket<"buffer">;

/** Once it resolves the kernel has joined and sends its reports. */
export async function joinGroup(request: JoinRequest): Promise<Membership> {
  let socket: GroupSocket | undefined;
  try {
    socket = await openSocket(request);
    const fd = descriptorOf(socket);
    receiveOwnGroupsOnly(fd, familyOf(request.group));
    const receiveBufferBytes = raiseReceiveBuffer(fd, wantedBufferBytes);
    addMemberships(socket, request);
    return membershipOf(socket, request.at, receiveBufferBytes);
  } catch (error) {
    socket?.close();
    if (error instanceof CommandError) throw error;
    throw systemError(`cannot join ${request.group} on ${request.at.name}`, error);
  }
}

function membershipOf(
  socket: GroupSocket,
  at: Interface,
  receiveBufferBytes: number | undefined,
): Membership {
  return {
    at,
    receiveBufferBytes,
    receiveDrops: () => receiveDrops(descriptorOf(socket)),
    leave: () => socket.close(), // the kernel leaves with the socket
  };
}

/** Bound to the group, the socket gets no other group's packets. Windows binds no group. */
async function openSocket(request: JoinRequest): Promise<GroupSocket> {
  const { group, port, at, onDatagram, onError } = request;
  const error: ErrorHandler = onError;
  const options = {
    hostname: process.platform === "win32" ? anyAddress(familyOf(group)) : scoped(group, at),
    port,
    flags: reuseAddress,
    socket: {
      data: (_: GroupSocket, bytes: Buffer, sourcePort: number, source: string): void =>
        onDatagram(bytes, sourcePort, source),
      error,
    },
  };
  return Bun.udpSocket(options);
}

/** Groups of link-local and interface-local scope are bound with their interface (RFC 4007 §6). */
const scoped = (group: Address, at: Interface): string =>
  /^ff[0-9a-f][12]:/.test(group) ? `${group}%${at.name}` : group;

function addMemberships(socket: GroupSocket, { group, at, sources }: JoinRequest): void {
  if (sources.length === 0) socket.addMembership(group, at.id);
  for (const source of sources) socket.addSourceSpecificMembership(source, group, at.id);
}
