// Unpacks the browser that is inside @sparticuz/chromium, without root: node unpack.mjs MODULES DIRECTORY
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const [modules, to] = process.argv.slice(2);
const { extract } = createRequire(join(modules, "x"))("tar-fs");
const packed = (name) => createReadStream(join(modules, "@sparticuz/chromium/bin", name)).pipe(createBrotliDecompress());

mkdirSync(to, { recursive: true });
await pipeline(packed("chromium.br"), createWriteStream(join(to, "chromium"), { mode: 0o755 }));
for (const name of ["al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br"]) {
  await pipeline(packed(name), extract(join(to, name.split(".")[0])));
}
