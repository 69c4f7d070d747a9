// Runs the measurements that are named, or all. `make bench`, or `make bench ARGS="cold cycles"`.

import { cage } from './cage.mjs';
import { cold } from './cold.mjs';
import { cycles } from './cycles.mjs';
import { delivery } from './delivery.mjs';
import { stopAll } from './lib.mjs';
import { overload } from './overload.mjs';
import { parked } from './parked.mjs';
import { remux } from './remux.mjs';

const MEASUREMENTS = { delivery, cold, parked, cycles, cage, overload, remux };

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(MEASUREMENTS);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => stopAll().finally(() => process.exit(130)));
}
let failed = false;
for (const name of wanted) {
  const measure = MEASUREMENTS[name];
  if (!measure) {
    console.error(`there is no measurement ${name}; there are ${Object.keys(MEASUREMENTS).join(', ')}`);
    process.exit(2);
  }
  console.log(`\n== ${name}`);
  try {
    await measure();
  } catch (error) {
    failed = true;
    console.error(`${name} could not be measured: ${error.message}`);
  } finally {
    await stopAll();
  }
}
process.exit(failed ? 1 : 0);
