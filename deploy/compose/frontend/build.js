// Writes the pages to dist, or to the folder that is the first argument. The same source and
// lockfile give the same bytes.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";

const out = process.argv[2] ?? "dist";
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const { metafile } = await build({
  entryPoints: ["src/app.js"],
  outfile: `${out}/app.js`,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none", // they are in licenses.txt
  metafile: true,
});
for (const file of ["index.html", "style.css"]) cpSync(`src/${file}`, `${out}/${file}`);

// The licenses of the packages whose code is in app.js.
const folders = Object.keys(metafile.inputs).map((file) => file.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
const packages = new Map(); // the text of a license -> the packages that have it
for (const folder of [...new Set(folders)].filter(Boolean).sort()) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`));
  const file = readdirSync(folder).sort().find((entry) => /^licen[cs]e/i.test(entry));
  const notice = existsSync(`${folder}/NOTICE`) ? `\n${readFileSync(`${folder}/NOTICE`, "utf8").trim()}\n` : "";
  const text = (file ? readFileSync(`${folder}/${file}`, "utf8").trim() : license) + notice;
  packages.set(text, [...(packages.get(text) ?? []), `${name} ${version} (${license})`]);
}
const sections = [...packages].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
writeFileSync(`${out}/licenses.txt`, sections.join(`\n${"-".repeat(80)}\n\n`));
