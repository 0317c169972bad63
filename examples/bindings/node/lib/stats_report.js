/* RTCStatsReport (W3C WebRTC §8.3): a map from ids to objects of statistics that scripts cannot change. */
import { checkHandle } from './dom_exception.js';
import { declare } from './native.js';
import { DOMString, callbackFunction, defineInterface, illegalUnless, internal } from './webidl.js';

const peer = declare(`
    owned_string peer_stats_report_to_json(handle report)
    void peer_stats_report_unref(handle report)
`);

export class RTCStatsReport {
    #map;

    constructor(token, objects) {
        illegalUnless(token);
        this.#map = new Map(objects.map((object) => [object.id, object]));
    }

    get size() {
        return this.#map.size;
    }

    entries() {
        return this.#map.entries();
    }

    forEach(callback, thisArg = undefined) {
        callbackFunction(callback, 'RTCStatsReport.forEach: callback');
        for (const [id, object] of this.#map) callback.call(thisArg, object, id, this);
    }

    get(key) {
        return this.#map.get(DOMString(key, 'RTCStatsReport.get: key'));
    }

    has(key) {
        return this.#map.has(DOMString(key, 'RTCStatsReport.has: key'));
    }

    keys() {
        return this.#map.keys();
    }

    values() {
        return this.#map.values();
    }
}
defineInterface(RTCStatsReport);
Object.defineProperty(RTCStatsReport, 'length', { value: 0, configurable: true });
Object.defineProperty(RTCStatsReport.prototype, Symbol.iterator, { value: RTCStatsReport.prototype.entries, writable: true, configurable: true });

/** The report behind a handle, whose reference is given back. */
export function statsReport(handle) {
    const json = checkHandle(handle) && peer.peer_stats_report_to_json(handle);
    peer.peer_stats_report_unref(handle);
    return new RTCStatsReport(internal, JSON.parse(json));
}
