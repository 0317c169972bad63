/* Events: their classes derive from Node's own Event, their targets from its EventTarget. */
import { DOMString, boolean, dictionary } from './webidl.js';

/** EventInit, which the dictionaries of all events inherit from. */
export const EventInit = dictionary('EventInit', {
    bubbles: { type: boolean, default: false },
    cancelable: { type: boolean, default: false },
    composed: { type: boolean, default: false },
});

/** The arguments of an event's constructor, converted: [type, init]. */
export function eventArguments(name, values, required, Init) {
    if (values.length < required) throw new TypeError(`${name}: ${required} arguments required, but only ${values.length} present`);
    return [DOMString(values[0], `${name}: type`), Init(values[1], `${name}: init`)];
}

/** Fires an event, to be the last thing of a task: then what listeners have settled is reacted to before anything else, as in a browser. */
export function fire(target, event) {
    target.dispatchEvent(event);
}

/** Fires a plain event by its name. */
export function fireNamed(target, type) {
    fire(target, new Event(type));
}
