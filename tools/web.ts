// `npm run web [-- PORT]`: serves the page on this machine and says where.
import process from "node:process";
import { POLICY, serveFolder } from "./static-server.ts";

const PORT = 8080;

/** Disks may come from any server that lets the page in. */
const headers = { "content-security-policy": `${POLICY}; connect-src *` };

async function start(port: number): Promise<string> {
  return (await serveFolder("dist/web", { port, headers })).url;
}

const asked = process.argv[2];
// A port that was asked for is the one; the usual one may be taken.
const url = await start(Number(asked ?? PORT)).catch((error: NodeJS.ErrnoException) => {
  if (asked === undefined && error.code === "EADDRINUSE") return start(0);
  process.stderr.write(`wasmqemu: the page cannot be served: ${error.message}\n`);
  process.exit(1);
});
process.stdout.write(`The page is at ${url} (Ctrl-C ends this)\n`);
