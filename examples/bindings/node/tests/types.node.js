/* The declarations for TypeScript. */
import { readFileSync } from 'node:fs';
import * as webrtc from '../index.js';
import { assert, assertEquals, test } from './harness.js';

const text = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');

test('what is exported is declared, and nothing else', () => {
    const declared = [...text.matchAll(/^export declare (?:const|namespace) (\w+)/gm)].map(([, name]) => name);
    assertEquals(declared.sort(), Object.keys(webrtc).sort());
});

test('the classes for raw media are declared with their members', () => {
    for (const [name, object] of Object.entries(webrtc.nonstandard)) {
        const [, body] = new RegExp(`^    class ${name}\\b[^{]*\\{(.*?)^    \\}`, 'ms').exec(text);
        const members = new Set();
        for (let at = object.prototype; at !== EventTarget.prototype && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
            for (const member of Object.getOwnPropertyNames(at)) members.add(member);
        }
        for (const member of members) assert(member === 'constructor' || new RegExp(`\\b${member}\\b`).test(body), `${name}.${member}`);
    }
});
