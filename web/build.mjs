// Builds the page into dist/: hashed files under assets/, and index.html and api.html that name
// them. Runs on node 18 and later.

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, 'dist');
const BUDGET_GZ = 250_000;

await rm(DIST, { recursive: true, force: true });
await mkdir(join(DIST, 'assets'), { recursive: true });

const common = {
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  charset: 'utf8',
  target: ['chrome100', 'firefox100', 'safari15.4'],
  legalComments: 'none',
  outdir: 'dist',
  entryNames: 'assets/[name]-[hash]',
  chunkNames: 'assets/[name]-[hash]',
  assetNames: 'assets/[name]-[hash]',
  loader: { '.svg': 'file' },
  metafile: true,
  logLevel: 'warning',
};
const page = await esbuild.build({ ...common, entryPoints: ['src/main.ts', 'src/explore/explore.ts'], format: 'esm', splitting: true });
const theme = await esbuild.build({ ...common, entryPoints: ['src/theme.ts'], format: 'iife' });

const main = outputOf(page, 'src/main.ts');
const explore = outputOf(page, 'src/explore/explore.ts');
const names = {
  explore: `/${explore.path}`,
  exploreStyle: `/${explore.cssBundle}`,
  main: `/${main.path}`,
  style: `/${main.cssBundle}`,
  theme: `/${outputOf(theme, 'src/theme.ts').path}`,
  favicon: await publish('static/favicon.svg'),
};
names.manifest = await publish('static/manifest.webmanifest', names);
for (const name of ['index.html', 'api.html']) {
  await writeFile(join(DIST, name), named(await readFile(join(HERE, name), 'utf8'), names));
}
await report();

function outputOf({ metafile }, entry) {
  const found = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry);
  if (!found) throw new Error(`${entry} gave no output`);
  const [path, output] = found;
  return { path: path.replace(/^dist\//, ''), cssBundle: output.cssBundle?.replace(/^dist\//, '') };
}

/** Copies a file to assets/ under a name with its hash; `%key%` in it becomes `values[key]`. */
async function publish(file, values = {}) {
  const text = named(await readFile(join(HERE, file), 'utf8'), values);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase();
  const extension = extname(file);
  const name = `assets/${basename(file, extension)}-${hash}${extension}`;
  await writeFile(join(DIST, name), text);
  return `/${name}`;
}

function named(text, values) {
  return text.replace(/%(\w+)%/g, (whole, key) => values[key] ?? whole);
}

async function report() {
  let total = 0;
  const files = (await readdir(join(DIST, 'assets'))).map((name) => join('assets', name));
  for (const file of ['index.html', 'api.html', ...files].sort()) {
    const size = gzipSync(await readFile(join(DIST, file)), { level: 9 }).length;
    total += size;
    console.log(`${String(size).padStart(8)} B gz  ${file}`);
  }
  console.log(`${String(total).padStart(8)} B gz  of ${BUDGET_GZ}`);
  if (total > BUDGET_GZ) throw new Error('the page is heavier than its budget');
}
