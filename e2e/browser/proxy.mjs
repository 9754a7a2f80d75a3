// A reverse proxy as people put it in front of the server: perhaps below a path, and with a server that comes and goes.
import http from "node:http";

/** @param {{ target?: string, prefix?: string }} options What is proxied, and below which path. */
export async function proxy({ target, prefix = "" }) {
  const made = { target, url: "" };
  const server = http.createServer((request, response) => {
    if (!made.target || !request.url.startsWith(prefix)) {
      response.socket.destroy();
      return;
    }
    const to = new URL(request.url.slice(prefix.length) || "/", made.target);
    const { method, headers } = request;
    const forwarded = http.request(to, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    forwarded.on("error", () => response.destroy());
    response.on("close", () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  made.url = `http://127.0.0.1:${server.address().port}${prefix}`;
  return made;
}
