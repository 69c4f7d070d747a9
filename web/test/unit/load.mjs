// Loads a module of src/ without a build: esbuild turns it into JavaScript in memory, so node 18 runs it too.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SRC = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'src');

export async function load(path) {
  const { outputFiles } = await build({ entryPoints: [join(SRC, path)], bundle: true, format: 'esm', write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
