// `-vnc` in words: `HOST:N`, `:N`, `unix:PATH`, `none`, then `password=on`, `to=N`, `websocket=on|PORT`.
import { UserError } from "../../core/errors.ts";
import { parseInteger, parseList, parseSwitch } from "../option-list.ts";

export interface VncSpec {
  /** An empty host: all addresses. */
  address: { path: string } | { host: string; port: number };
  /** The last port to try, where the first is taken. */
  lastPort?: number;
  password: boolean;
  /** The port on which browsers find it. */
  webSocketPort?: number;
}

/** Display 0, and the same for browsers. */
const FIRST_PORT = 5900;
const FIRST_WEBSOCKET_PORT = 5700;

/** Reads the argument of `-vnc`; undefined: no server. */
export function parseVnc(text: string): VncSpec | undefined {
  const [place, ...settings] = parseList(text, "vnc");
  const name = place?.key === "vnc" ? (place.value ?? "") : "";
  if (name === "none") return undefined;
  const [, host, number] = /^(.*):(\d+)$/.exec(name) ?? [];
  const spec: VncSpec = name.startsWith("unix:")
    ? { address: { path: name.slice("unix:".length) }, password: false }
    : { address: { host: host ?? "", port: FIRST_PORT + Number(number) }, password: false };
  if (!("path" in spec.address) && !(spec.address.port <= 0xffff))
    throw new UserError("give HOST:DISPLAY, such as :0 for port 5900, or unix:PATH");
  for (const { key, value } of settings) {
    if (key === "password") spec.password = parseSwitch(key, value);
    else if (key === "to") spec.lastPort = FIRST_PORT + parseInteger(key, value ?? "");
    else if (key === "websocket") spec.webSocketPort = webSocketPort(spec, value ?? "");
    else if (key !== "share" || value !== "allow-exclusive")
      throw new UserError(`${key} is not supported yet: password=, to= and websocket= are`);
  }
  return spec;
}

/** `on`: the port that goes with the display. */
function webSocketPort({ address }: VncSpec, value: string): number | undefined {
  if ("path" in address) throw new UserError("websocket= needs HOST:DISPLAY");
  if (value === "off") return undefined;
  if (value === "on") return FIRST_WEBSOCKET_PORT + (address.port - FIRST_PORT);
  const port = parseInteger("websocket", value);
  if (port > 0xffff) throw new UserError(`websocket=${value} is no port`);
  return port;
}
