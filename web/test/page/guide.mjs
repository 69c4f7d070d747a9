// Prints a guide (XMLTV) in which something is on now and something else comes next.

const HOUR_MS = 3_600_000;
const from = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const time = (ms) => `${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)} +0000`;
const programme = (title, start) => `<programme channel="testcard" start="${time(start)}" stop="${time(start + 2 * HOUR_MS)}">` +
  `<title>${title}</title></programme>`;

console.log(`<?xml version="1.0" encoding="UTF-8"?>
<tv><channel id="testcard"><display-name>Test card</display-name></channel>
${programme('Colour bars', from)}
${programme('Tone &amp; clock', from + 2 * HOUR_MS)}</tv>`);
