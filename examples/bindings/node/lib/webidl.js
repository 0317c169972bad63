/* Web IDL (https://webidl.spec.whatwg.org): conversion of arguments, and classes shaped as a browser's interfaces are. */

/** To be given to the constructor of an interface that scripts cannot construct. */
export const internal = Symbol('internal');

/** Throws unless a constructor was called by this package: `illegalUnless(arguments[0])`. */
export function illegalUnless(token) {
    if (token !== internal) throw new TypeError('Illegal constructor');
}

/* ---- conversions: each takes a JavaScript value and what to call it in a message ---- */

export function DOMString(value, what = 'The value') {
    if (typeof value === 'symbol') throw new TypeError(`${what} is a symbol, which cannot be converted to a string`);
    return String(value);
}

export function USVString(value, what) {
    return DOMString(value, what).replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');
}

export function boolean(value) {
    return Boolean(value);
}

export function any(value) {
    return value;
}

function toNumber(value, what) {
    if (typeof value === 'bigint' || typeof value === 'symbol') throw new TypeError(`${what} is not a number`);
    return Number(value);
}

export function double(value, what = 'The value') {
    const number = toNumber(value, what);
    if (!Number.isFinite(number)) throw new TypeError(`${what} is not a finite number`);
    return number;
}

function integer(bits, isSigned) {
    const modulus = 2 ** bits;
    const minimum = isSigned ? -(2 ** (bits - 1)) : 0;
    const maximum = isSigned ? 2 ** (bits - 1) - 1 : modulus - 1;
    const wrapping = (value, what = 'The value') => {
        const number = Math.trunc(toNumber(value, what));
        if (!Number.isFinite(number)) return 0;
        const wrapped = ((number % modulus) + modulus) % modulus;
        return wrapped > maximum ? wrapped - modulus : wrapped;
    };
    wrapping.enforceRange = (value, what = 'The value') => {
        const number = toNumber(value, what);
        if (!Number.isFinite(number)) throw new TypeError(`${what} is not a finite number`);
        const whole = Math.trunc(number) + 0;
        if (whole < minimum || whole > maximum) throw new TypeError(`${what} is outside the range ${minimum} to ${maximum}`);
        return whole;
    };
    wrapping.clamp = (value, what = 'The value') => {
        const number = Math.min(Math.max(toNumber(value, what), minimum), maximum);
        return Number.isNaN(number) ? 0 : Math.round(number); // W3C rounds a half to the even number; here it does not matter
    };
    return wrapping;
}

export const octet = integer(8, false);
export const unsignedShort = integer(16, false);
export const long = integer(32, true);
export const unsignedLong = integer(32, false);

/** An enumeration: one of these strings. */
export function enumeration(name, values) {
    const known = new Set(values);
    const convert = (value, what = 'The value') => {
        const text = DOMString(value, what);
        if (!known.has(text)) throw new TypeError(`${what}: '${text}' is not a valid value of ${name}`);
        return text;
    };
    convert.values = values;
    return convert;
}

export function nullable(convert) {
    return (value, what) => (value === null || value === undefined ? null : convert(value, what));
}

export function sequence(convert) {
    return (value, what = 'The value') => {
        const iterator = (typeof value === 'object' && value !== null) || typeof value === 'function' ? value[Symbol.iterator] : undefined;
        if (typeof iterator !== 'function') throw new TypeError(`${what} is not iterable`);
        const result = [];
        for (const item of { [Symbol.iterator]: () => iterator.call(value) }) result.push(convert(item, `${what}[${result.length}]`));
        return result;
    };
}

/** An object of an interface. */
export function interfaceType(name, isOne) {
    return (value, what = 'The value') => {
        if (!isOne(value)) throw new TypeError(`${what} is not of type '${name}'`);
        return value;
    };
}

/** A callback function. */
export function callbackFunction(value, what = 'The value') {
    if (typeof value !== 'function') throw new TypeError(`${what} is not a function`);
    return value;
}

/**
 * A dictionary: `members` maps names to { type, required, default }, where a default is a function of no arguments or a primitive value. Web IDL
 * reads members in alphabetical order, those of the dictionary it inherits from first.
 */
export function dictionary(name, members, inherited = null) {
    const sorted = Object.keys(members).sort();
    const convert = (value, what = `The ${name}`) => {
        if (value !== undefined && value !== null && typeof value !== 'object' && typeof value !== 'function') {
            throw new TypeError(`${what} is not an object`);
        }
        const result = inherited ? inherited(value, what) : {};
        for (const key of sorted) {
            const member = members[key];
            const given = value === undefined || value === null ? undefined : value[key];
            if (given !== undefined) result[key] = member.type(given, `${what}: member ${key}`);
            else if (member.required) throw new TypeError(`${what}: required member ${key} is undefined`);
            else if ('default' in member) result[key] = typeof member.default === 'function' ? member.default() : member.default;
        }
        return result;
    };
    return convert;
}

/* ---- shapes ---- */

const handlers = new WeakMap(); // object → Map of event handlers

function defineEventHandler(prototype, attribute, is) {
    const type = attribute.slice(2);
    const slots = (object) => {
        let map = handlers.get(object);
        if (!map) handlers.set(object, (map = new Map()));
        return map;
    };
    const accessor = {
        get [attribute]() {
            if (!is(this)) throw new TypeError('Illegal invocation');
            return slots(this).get(type)?.value ?? null;
        },
        set [attribute](value) {
            if (!is(this)) throw new TypeError('Illegal invocation');
            const map = slots(this);
            const callable = typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null;
            const known = map.get(type);
            if (known) {
                if (callable === null) {
                    this.removeEventListener(type, known.listener);
                    map.delete(type);
                } else known.value = callable;
                return;
            }
            if (callable === null) return;
            const slot = { value: callable };
            slot.listener = function listener(event) {
                if (typeof slot.value !== 'function') return;
                if (slot.value.call(this, event) === false) event.preventDefault();
            };
            map.set(type, slot);
            this.addEventListener(type, slot.listener);
        },
    };
    const descriptor = Object.getOwnPropertyDescriptor(accessor, attribute);
    Object.defineProperty(prototype, attribute, { ...descriptor, enumerable: true, configurable: true });
}

function wrapOperation(name, operation, returnsPromise) {
    const required = operation.length;
    const call = (object, values) => {
        if (values.length < required) {
            throw new TypeError(`${name}: ${required} argument${required === 1 ? '' : 's'} required, but only ${values.length} present`);
        }
        return operation.apply(object, values);
    };
    const wrapped = returnsPromise
        ? {
              [name](...values) {
                  try {
                      return call(this, values);
                  } catch (error) {
                      return Promise.reject(error);
                  }
              },
          }[name]
        : {
              [name](...values) {
                  return call(this, values);
              },
          }[name];
    Object.defineProperty(wrapped, 'length', { value: required, configurable: true });
    return wrapped;
}

/**
 * Gives a class the shape of an interface. Its accessors and methods become the attributes and operations (so a helper must be a private method
 * or a function beside the class); a method takes as many arguments as its `length` at least.
 *
 * options: `is(object)`: whether an object is of the class; `handlers`: event handler attributes; `promises`: operations that return promises,
 * and so reject where others throw.
 */
export function defineInterface(Class, { is, handlers: handlerNames = [], promises = [] } = {}) {
    const prototype = Class.prototype;
    for (const [target, names] of [
        [prototype, Object.getOwnPropertyNames(prototype)],
        [Class, Object.getOwnPropertyNames(Class).filter((name) => !['length', 'name', 'prototype'].includes(name))],
    ]) {
        for (const name of names) {
            if (name === 'constructor') continue;
            const descriptor = Object.getOwnPropertyDescriptor(target, name);
            if (typeof descriptor.value === 'function') descriptor.value = wrapOperation(name, descriptor.value, promises.includes(name));
            Object.defineProperty(target, name, { ...descriptor, enumerable: true });
        }
    }
    for (const name of handlerNames) defineEventHandler(prototype, name, is);
    Object.defineProperty(prototype, Symbol.toStringTag, { value: Class.name, configurable: true });
    return Class;
}
