/* The shared library and how its functions are called. Handles (pointers to the library's objects) are numbers here, 0 for NULL: they can be
 * compared, and be keys of a Map. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

export { koffi };

const buildTree = fileURLToPath(new URL('../../../../build/libpeer.so.0', import.meta.url));
const path = process.env.PEER_LIBRARY || (existsSync(buildTree) ? buildTree : 'libpeer.so.0');
const library = koffi.load(path, { deep: true }); // with the OpenSSL that it was built for, not with the one that is inside of Node

koffi.alias('handle', 'uintptr_t');

/** The functions that the prototypes declare, one a line. Each is looked up when it is first called: an older library lacks only what it lacks. */
export function declare(prototypes) {
    const functions = {};
    for (const line of prototypes.split('\n')) {
        const prototype = line.trim().replace(/;$/, '');
        if (prototype === '') continue;
        const name = /(\w+)\(/.exec(prototype)[1];
        Object.defineProperty(functions, name, {
            configurable: true,
            enumerable: true,
            get() {
                let value;
                try {
                    value = library.func(prototype);
                } catch (error) {
                    value = () => {
                        throw error;
                    };
                }
                Object.defineProperty(functions, name, { value, enumerable: true });
                return value;
            },
        });
    }
    return functions;
}

const { peer_string_free } = declare('void peer_string_free(void *string)');
/** A string that is the caller's: it is freed once it has been read. */
koffi.disposable('owned_string', 'str', (pointer) => peer_string_free(pointer));

/** A C struct that begins with its size, as a function that gives objects filled by its init function: `make({ member: value })`. */
export function struct(name, members) {
    const type = koffi.struct(name, { size: 'size_t', ...members });
    const size = koffi.sizeof(type);
    const initName = name.replace(/_t$/, '_init');
    const init = declare(`void ${initName}(_Out_ ${name} *value, size_t size)`);
    let defaults;
    const make = (values) => {
        if (!defaults) init[initName]((defaults = {}), size);
        return { ...defaults, ...values };
    };
    make.type = type;
    make.byteSize = size;
    return make;
}

/** A function pointer for C to call on the thread of JavaScript. There is one per kind of event, for good; `user` tells whose it is. */
export function callback(prototype, handler) {
    return koffi.register(handler, koffi.pointer(koffi.proto(prototype)));
}

/** Reads `count` handles that stand at a C address. */
export function handlesAt(address, count) {
    return count ? Array.from(koffi.decode(address, koffi.array('uintptr_t', count))).map(Number) : [];
}

/** Reads `count` structs that begin with their size, which is their distance, at a C address. */
export function structsAt(address, count, type) {
    if (!count) return [];
    const stride = Number(koffi.decode(address, 'size_t'));
    return Array.from({ length: Number(count) }, (_, index) => koffi.decode(address, index * stride, type));
}

/** Calls a function of the form (object, handles, capacity) → count, which gives new references. */
export function listOf(call) {
    for (let capacity = 16; ; capacity *= 4) {
        const buffer = new BigUint64Array(capacity);
        const count = Number(call(buffer, capacity));
        if (count <= capacity) return Array.from(buffer.subarray(0, count), Number);
    }
}

/** The JavaScript objects that stand for handles: one object per handle for as long as somebody holds the object. */
export class Wrappers {
    #objects = new Map();
    #unref;
    #make;
    #finalization;

    /** `unref(handle)` gives a reference back; `make(handle, …)` makes the object for a handle. */
    constructor(unref, make) {
        this.#unref = unref;
        this.#make = make;
        this.#finalization = new FinalizationRegistry(({ handle, reference }) => {
            if (this.#objects.get(handle) === reference) this.#objects.delete(handle);
            this.#unref(handle);
        });
    }

    /** The object of a handle, whose reference passes to it; null for 0. What else is given goes to `make`. */
    adopt(handle, ...context) {
        if (!handle) return null;
        const known = this.#objects.get(handle)?.deref();
        if (known) {
            this.#unref(handle);
            return known;
        }
        return this.add(handle, this.#make(handle, ...context));
    }

    /** Ties an object that was made otherwise to a handle, whose reference passes to it. */
    add(handle, object) {
        const reference = new WeakRef(object);
        this.#objects.set(handle, reference);
        this.#finalization.register(object, { handle, reference });
        return object;
    }

    /** The object of a handle if there is one. */
    find(handle) {
        return this.#objects.get(handle)?.deref();
    }
}
