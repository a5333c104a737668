// `npm run web [-- PORT]`: serves the page on this machine and says where.
import process from "node:process";
import { POLICY, serveFolder } from "./static-server.ts";

const PORT = 8080;

async function start(port: number): Promise<string> {
  const { url } = await serveFolder("dist/web", { port, headers: { "content-security-policy": POLICY } });
  return url;
}

const asked = process.argv[2];
// A port that was asked for is the one; the usual one may be taken.
const url = await start(Number(asked ?? PORT)).catch((error: NodeJS.ErrnoException) => {
  if (asked === undefined && error.code === "EADDRINUSE") return start(0);
  process.stderr.write(`wasmqemu: the page cannot be served: ${error.message}\n`);
  process.exit(1);
});
process.stdout.write(`The page is at ${url} (Ctrl-C ends this)\n`);
