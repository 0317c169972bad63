/* Runs the tests in Node on libpeer: node tests/run.js [FILE…]. Prints a line for each, as TAP. Files named .node.js are for Node alone. */
import { webcrypto } from 'node:crypto';
import { readdirSync } from 'node:fs';
import '../global.js';
import { runTests } from './harness.js';

globalThis.crypto ??= webcrypto; // Node 18 has it, but not here

const chosen = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => /\.(test|node)\.js$/.test(name)).sort();
let count = 0;
let failed = 0;

process.on('uncaughtException', (error) => {
    failed++;
    console.log(`not ok ${++count} - nothing is thrown outside of tests\n# ${error?.stack ?? error}`);
});
for (const file of files) {
    if (chosen.length && !chosen.some((name) => file.includes(name))) continue;
    await import(`./${file}`);
    await runTests((name, error) => {
        if (error) failed++;
        console.log(`${error ? 'not ok' : 'ok'} ${++count} - ${file.replace(/\.(test|node)\.js$/, '')}: ${name}`);
        if (error) console.log(`# ${error.stack ?? error}`);
    });
}
console.log(`1..${count}`);
process.exit(failed ? 1 : 0);
