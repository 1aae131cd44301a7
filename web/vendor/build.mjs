// Bundles the libraries of the pages into ../static/vendor, or into the folder given:
//
//   npm ci --ignore-scripts && npm run build
//
// A test compares the embedded files with this build.

import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const out = resolve(process.argv[2] ?? fileURLToPath(new URL("../static/vendor", import.meta.url)));
process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const modules = {
  "markdown-it.js": `export { default as MarkdownIt } from "markdown-it"; export { tex } from "@mdit/plugin-tex";`,
  "katex.js": `export { render } from "katex";`,
  "lowlight.js": `import { common, createLowlight } from "lowlight"; export const lowlight = createLowlight(common);`,
};

await rm(out, { recursive: true, force: true });
await mkdir(`${out}/fonts`, { recursive: true });
for (const [name, contents] of Object.entries(modules)) {
  const stdin = { contents, resolveDir: "." };
  await build({ stdin, bundle: true, minify: true, format: "esm", target: "es2022", charset: "utf8", legalComments: "inline", outfile: `${out}/${name}` });
}

// Browsers with modules read WOFF2.
const css = await readFile("node_modules/katex/dist/katex.min.css", "utf8");
await writeFile(`${out}/katex.css`, css.replaceAll(/,url\([^)]*\.(?:woff|ttf)\) format\("[^"]*"\)/g, ""));
for (const name of await readdir("node_modules/katex/dist/fonts")) {
  if (name.endsWith(".woff2")) await copyFile(`node_modules/katex/dist/fonts/${name}`, `${out}/fonts/${name}`);
}

const licenses = ["markdown-it", "mdurl", "uc.micro", "entities", "linkify-it", "punycode.js", "@mdit/plugin-tex", "@mdit/helper", "katex", "lowlight", "highlight.js", "devlop"];
const texts = [];
for (const name of licenses) {
  for (const file of ["LICENSE", "LICENSE.txt", "LICENSE-MIT.txt", "license"]) {
    const text = await readFile(`node_modules/${name}/${file}`, "utf8").catch(() => "");
    if (text) {
      texts.push(`${name}\n\n${text.trim()}\n`);
      break;
    }
  }
}
await writeFile(`${out}/LICENSES.txt`, texts.join("\n---\n\n"));
