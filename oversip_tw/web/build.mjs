// Bundles the phone page: phone/main.ts and phone/style/phone.css with JsSIP into static/bundle/ (never committed).
import { build } from "esbuild";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";

const here = new URL(".", import.meta.url).pathname;
const bundle = `${here}static/bundle`;

await rm(bundle, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { phone: `${here}phone/main.ts`, style: `${here}phone/style/phone.css` },
  outdir: bundle,
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: ["chrome100", "firefox100", "safari15.4"],
  legalComments: "none",
  logLevel: "warning",
});

// Whose work is in it, as their licences ask.
const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []));
const texts = await Promise.all(
  [...packages].sort().map(async (name) => {
    const folder = `${here}node_modules/${name}`;
    const { version } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version}\n\n${file ? await readFile(`${folder}/${file}`, "utf8") : "(no licence text in the package)\n"}`;
  }),
);
await writeFile(`${bundle}/licences.txt`, texts.join(`\n${"-".repeat(80)}\n\n`));
