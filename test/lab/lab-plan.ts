/** The plan that the lab's tests look at, each with its own changes to the options. */
import type { LabOptions } from "../../src/lab/machines.ts";
import { planLab } from "../../src/lab/plan.ts";

const options: LabOptions = {
  name: "fc",
  sites: 3,
  hosts: 2,
  separate: false,
  roles: true,
  almrp: "mst",
  wan: "bridge",
  perPacket: false,
};
export const token = "0123456789abcdef0123456789abcdef";
export const plan = (changes: Partial<LabOptions> = {}) =>
  planLab({ ...options, ...changes }, "/run/fastcast/lab/fc", token);
