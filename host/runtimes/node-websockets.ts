// WebSockets (RFC 6455) whose messages are pieces of one stream of bytes, as noVNC speaks them.
import { createWebSocketStream, WebSocketServer } from "ws";
import { NodeConnection } from "./node-sockets.ts";
import type { Connection, Listener } from "./runtime.ts";

/** What older clients ask for by name; others ask for nothing. */
const SUBPROTOCOL = "binary";

export function listenWebSocket(
  { host, port }: { host: string; port: number },
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  return new Promise((done, fail) => {
    const server = new WebSocketServer({
      ...(host === "" ? {} : { host }),
      port,
      handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
    });
    server.once("error", fail);
    server.on("connection", (socket) => onConnection(new NodeConnection(createWebSocketStream(socket))));
    server.once("listening", () => {
      const bound = server.address();
      done({
        address: { host, port: typeof bound === "object" && bound ? bound.port : port },
        close: () => new Promise((closed) => void server.close(() => closed())),
      });
    });
  });
}
