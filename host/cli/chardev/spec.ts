// Where a serial port, a monitor or a debug console leads, in words: `stdio`, `mon:stdio`, `file:F`, `unix:PATH,server`,
// `tcp:HOST:PORT,server=on,wait=off`, `telnet:…`, `null`, `none`, `chardev:ID`.
import { UserError } from "../../core/errors.ts";
import { parseList, parseSwitch } from "../option-list.ts";

export type SocketAddress = { path: string } | { host: string; port: number };

export type ChardevSpec =
  | { kind: "none" } // no device at all
  | { kind: "null" } // a device that nothing listens to
  | { kind: "stdio"; multiplexed: boolean } // multiplexed: Ctrl-A keys, and Ctrl-C belongs to the guest
  | { kind: "file"; path: string; append: boolean }
  | SocketSpec;

export interface SocketSpec {
  kind: "socket";
  address: SocketAddress;
  /** Listens; otherwise it connects. */
  server: boolean;
  /** A server that waits for its client before the machine starts. */
  wait: boolean;
  telnet: boolean;
}

/** Kinds that QEMU has and we do not. */
const NOT_BUILT = ["websocket", "udp", "pipe", "pty", "vc", "mon", "msmouse", "braille", "ringbuf"];
const DEFAULT_HOST = "127.0.0.1";

/** Reads a legacy string such as `tcp::4444,server,nowait`; `named` are the `-chardev`s by id. */
export function parseChardev(text: string, named: ReadonlyMap<string, ChardevSpec> = new Map()): ChardevSpec {
  if (text === "none" || text === "null") return { kind: text };
  if (text === "stdio") return { kind: "stdio", multiplexed: false };
  if (text === "mon:stdio") return { kind: "stdio", multiplexed: true };
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case "file":
      return { kind: "file", path: rest!, append: false };
    case "unix":
    case "tcp":
    case "telnet":
      return parseSocket(scheme, rest!);
    case "chardev": {
      const spec = named.get(rest!);
      if (!spec) throw new UserError(`chardev '${rest}' not found`);
      return spec;
    }
  }
  if (NOT_BUILT.includes(scheme ?? text))
    throw new UserError(
      "not supported yet: use stdio, mon:stdio, file:FILE, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT or null",
    );
  throw new UserError(`'${text}' is not a valid char driver`);
}

function parseSocket(scheme: "unix" | "tcp" | "telnet", text: string): SocketSpec {
  const comma = text.indexOf(",");
  const place = comma < 0 ? text : text.slice(0, comma);
  // Telnet serves by convention, and so does a server that is told to wait.
  const spec: SocketSpec = {
    kind: "socket",
    address: scheme === "unix" ? { path: place } : parseHost(place),
    server: false,
    wait: true,
    telnet: scheme === "telnet",
  };
  if (scheme === "unix" && place === "") throw new UserError("a unix socket needs a path");
  for (const { key, value } of comma < 0 ? [] : parseList(text.slice(comma + 1)))
    setSocketOption(spec, key, value);
  return spec;
}

function setSocketOption(spec: SocketSpec, key: string, value: string | undefined): void {
  switch (key) {
    case "server":
      spec.server = parseSwitch(key, value);
      break;
    case "wait":
      spec.wait = parseSwitch(key, value);
      break;
    case "nowait":
      spec.wait = false;
      break;
    case "telnet":
      spec.telnet = parseSwitch(key, value);
      break;
    case "nodelay":
    case "reconnect":
    case "abstract":
    case "tight":
    case "ipv4":
    case "ipv6":
      break;
    default:
      throw new UserError(`Invalid parameter '${key}'`);
  }
}

function parseHost(text: string): SocketAddress {
  const [, host, port] = /^(.*):(\d+)$/.exec(text) ?? [];
  const number = Number(port);
  if (port === undefined || number > 0xffff) throw new UserError(`'${text}' is no address: give HOST:PORT`);
  return { host: host === "" ? DEFAULT_HOST : host!.replace(/^\[(.*)\]$/, "$1"), port: number };
}

/** `-chardev KIND,id=ID,…`: the id and where it leads. */
export function parseNamedChardev(text: string): [id: string, spec: ChardevSpec] {
  const [kind, ...rest] = parseList(text, "backend");
  const given = new Map(rest.map(({ key, value }) => [key, value]));
  const id = given.get("id");
  if (id === undefined) throw new UserError("Parameter 'id' is missing");
  given.delete("id");
  return [id, namedSpec(kind?.value ?? kind?.key ?? "", given)];
}

function namedSpec(kind: string, given: Map<string, string | undefined>): ChardevSpec {
  const isOn = (key: string, otherwise: boolean): boolean =>
    given.has(key) ? parseSwitch(key, given.get(key)) : otherwise;
  switch (kind) {
    case "null":
      return { kind: "null" };
    case "stdio":
      return { kind: "stdio", multiplexed: isOn("mux", false) };
    case "file": {
      const path = given.get("path");
      if (path === undefined) throw new UserError("Parameter 'path' is missing");
      return { kind: "file", path, append: isOn("append", false) };
    }
    case "socket": {
      const [path, port] = [given.get("path"), given.get("port")];
      if (path === undefined && port === undefined)
        throw new UserError("Parameter 'path' or 'port' is missing");
      const address = path === undefined ? parseHost(`${given.get("host") ?? ""}:${port}`) : { path };
      const server = isOn("server", false);
      return { kind: "socket", address, server, wait: isOn("wait", true), telnet: isOn("telnet", false) };
    }
    default:
      throw new UserError(`'${kind}' is not a valid char driver`);
  }
}
