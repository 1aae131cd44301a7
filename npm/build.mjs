// Builds the package: the client of web/static/client as one minified module, and the
// adapters of src beside it.

import { build } from "esbuild";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

await rm("dist", { recursive: true, force: true });
await mkdir("dist");
const common = { format: "esm", target: "es2022", minify: true, outdir: "dist" };
await build({ ...common, entryPoints: ["../web/static/client/index.js"], bundle: true });
await build({ ...common, entryPoints: ["src/react.js", "src/ai.js"], minify: false });
for (const name of ["index", "react", "ai"]) await copyFile(`src/${name}.d.ts`, `dist/${name}.d.ts`);
