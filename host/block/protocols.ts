// Where an image's bytes can lie: one row per protocol, told by the prefix of a name or by `driver=`.
import { UserError } from "../core/errors.ts";
import type { OpenMode, Runtime } from "../runtimes/runtime.ts";
import { parseNbdName } from "../nbd/name.ts";
import { FileSource } from "./file.ts";
import { BlockOptions } from "./options.ts";
import type { ImageFile } from "./source.ts";

export interface ProtocolRequest {
  runtime: Runtime;
  /** What the protocol does not take out is refused. */
  options: BlockOptions;
  mode: OpenMode;
  /** Flushes do nothing. */
  unsafe?: boolean;
  /** Others may write meanwhile, and no lock is taken: -U. */
  shared?: boolean;
}

export interface Protocol {
  /** As `driver=` and the prefix of names say it. */
  name: string;
  /** What names may begin with beside that. */
  prefixes?: readonly string[];
  /** The options that a name with this prefix stands for. */
  parseName(name: string): Readonly<Record<string, unknown>>;
  open(request: ProtocolRequest): Promise<ImageFile>;
}

/** Options say all that there is to say of `null-co`, the size. */
export const NULL_NAME = "null-co://";

/** The table; a protocol's code is loaded when it is used. */
export const PROTOCOLS: readonly Protocol[] = [
  {
    name: "file",
    parseName: (name) => ({ filename: withoutProtocol(name) }),
    open: FileSource.openWith,
  },
  {
    name: "nbd",
    prefixes: ["nbd+tcp", "nbd+unix"],
    parseName: parseNbdName,
    open: async (request) => (await import("./nbd.ts")).openNbd(request),
  },
  {
    name: "null-co",
    parseName(name) {
      if (name === NULL_NAME) return {};
      throw new UserError(`The only allowed filename for this driver is '${NULL_NAME}'`, "EINVAL");
    },
    open: async (request) => (await import("./null.ts")).openNull(request),
  },
  ...["http", "https"].map((name) => ({
    name,
    parseName: (url: string): Readonly<Record<string, unknown>> => ({ url }),
    open: async (request: ProtocolRequest) => (await import("./http.ts")).openHttp(name, request),
  })),
];

export function findProtocol(name: string): Protocol | undefined {
  return PROTOCOLS.find((one) => one.name === name);
}

/** What follows `file:` may have a colon of its own. */
function withoutProtocol(name: string): string {
  const path = name.replace(/^file:/, "");
  return protocolOf(path) === undefined ? path : `./${path}`;
}

/** The text before the first colon, where that comes before any slash. */
export function protocolOf(name: string): string | undefined {
  return /^([^:/]+):/.exec(name)?.[1];
}

/** A name as the options of its protocol, `driver` among them. */
export function parseFileName(name: string): BlockOptions {
  const prefix = protocolOf(name) ?? "file";
  const protocol = PROTOCOLS.find(({ name: own, prefixes }) => own === prefix || prefixes?.includes(prefix));
  if (!protocol) throw new UserError(`Unknown protocol '${prefix}'`, "EINVAL");
  return BlockOptions.of({ driver: protocol.name, ...protocol.parseName(name) });
}
