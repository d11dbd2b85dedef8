// Bundles the sources of this folder into ../static: one minified ES module, its styles inside, and a hash of what it
// was made from. The same sources give the same bytes; tests/test_bundle.py proves it. `node build.mjs DIR` builds
// into another folder.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "static");
const HASHED = /\.(js|mjs|css|json)$/;

const styles = {
  name: "minified-styles",
  setup(building) {
    building.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code, loader: "text" };
    });
  },
};

mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ["editor.js"],
  outfile: join(out, "editor.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2021",
  charset: "utf8",
  legalComments: "inline",
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [styles],
});

const sources = readdirSync(here).filter((name) => HASHED.test(name)).sort();
const lines = sources.map((name) => `${createHash("sha256").update(readFileSync(join(here, name))).digest("hex")}  ${name}`);
writeFileSync(join(out, "editor.sources.sha256"), lines.join("\n") + "\n");
