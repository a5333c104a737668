// What a QMP command is, and how its arguments are checked.
import { UserError } from "../../core/errors.ts";
import type { MonitorHost } from "../host.ts";

export type Arguments = Readonly<Record<string, unknown>>;

/** A parameter's type as errors name it; with "?" it may be missing. */
type Kind = "string" | "integer" | "boolean" | "array" | "object";
export type Parameters = Readonly<Record<string, Kind | `${Kind}?`>>;

export interface QmpCommand {
  name: string;
  parameters?: Parameters;
  /** Returns what goes into `return`; nothing is {}. */
  run(host: MonitorHost, given: Arguments): unknown;
}

export type ErrorClass = "GenericError" | "CommandNotFound" | "DeviceNotFound";

/** A failure of another class than GenericError. */
export class QmpError extends UserError {
  constructor(
    readonly errorClass: ErrorClass,
    message: string,
  ) {
    super(message);
  }
}

export function checkArguments(parameters: Parameters, given: Arguments): void {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(parameters, name)) throw new UserError(`Parameter '${name}' is unexpected`);
  for (const [name, wanted] of Object.entries(parameters)) {
    const kind = wanted.replace("?", "") as Kind;
    const value = given[name];
    if (value === undefined) {
      if (kind === wanted) throw new UserError(`Parameter '${name}' is missing`);
    } else if (!isOf(kind, value)) {
      throw new UserError(`Invalid parameter type for '${name}', expected: ${kind}`);
    }
  }
}

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "string":
    case "boolean":
      return typeof value === kind;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
  }
}

export function isObject(value: unknown): value is Arguments {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
