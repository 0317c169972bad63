/* Constraints, capabilities and settings (W3C Media Capture and Streams §5, §11, §13). */
import { DOMString, boolean, defineInterface, dictionary, double, sequence, unsignedLong } from './webidl.js';

/** OverconstrainedError: which constraint cannot be met. */
export class OverconstrainedError extends DOMException {
    #constraint;

    constructor(constraint, message = '') {
        if (arguments.length < 1) throw new TypeError('OverconstrainedError: 1 argument required, but only 0 present');
        super(DOMString(message, 'OverconstrainedError: message'), 'OverconstrainedError');
        this.#constraint = DOMString(constraint, 'OverconstrainedError: constraint');
    }

    get constraint() {
        return this.#constraint;
    }
}
defineInterface(OverconstrainedError);

/* ---- the dictionaries ---- */

function isObject(value) {
    return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function range(type, name) {
    const members = dictionary(name, { exact: { type }, ideal: { type }, max: { type }, min: { type } });
    return (value, what) => (isObject(value) ? members(value, what) : type(value, what));
}

function textOrTexts(value, what) {
    return isObject(value) && typeof value[Symbol.iterator] === 'function' ? sequence(DOMString)(value, what) : DOMString(value, what);
}

const ConstrainULong = range(unsignedLong.clamp, 'ConstrainULongRange');
const ConstrainDouble = range(double, 'ConstrainDoubleRange');
const booleanParameters = dictionary('ConstrainBooleanParameters', { exact: { type: boolean }, ideal: { type: boolean } });
const textParameters = dictionary('ConstrainDOMStringParameters', { exact: { type: textOrTexts }, ideal: { type: textOrTexts } });
const ConstrainBoolean = (value, what) => (isObject(value) ? booleanParameters(value, what) : boolean(value));
const ConstrainDOMString = (value, what) =>
    isObject(value) && typeof value[Symbol.iterator] !== 'function' ? textParameters(value, what) : textOrTexts(value, what);

const types = {
    width: ConstrainULong,
    height: ConstrainULong,
    aspectRatio: ConstrainDouble,
    frameRate: ConstrainDouble,
    facingMode: ConstrainDOMString,
    resizeMode: ConstrainDOMString,
    sampleRate: ConstrainULong,
    sampleSize: ConstrainULong,
    echoCancellation: ConstrainBoolean,
    autoGainControl: ConstrainBoolean,
    noiseSuppression: ConstrainBoolean,
    latency: ConstrainDouble,
    channelCount: ConstrainULong,
    deviceId: ConstrainDOMString,
    groupId: ConstrainDOMString,
};
/** Names of all constraints that are known. */
export const constraintNames = Object.keys(types);

const setMembers = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]));
const MediaTrackConstraintSet = dictionary('MediaTrackConstraintSet', setMembers);
export const MediaTrackConstraints = dictionary(
    'MediaTrackConstraints',
    { advanced: { type: sequence(MediaTrackConstraintSet) } },
    MediaTrackConstraintSet,
);

/** A copy, for getConstraints(). */
export function plainConstraints(constraints) {
    return structuredClone(constraints);
}

/* ---- what they choose ---- */

/** One constraint as { min, max, exact, ideal }; a bare value is `exact` in an advanced set and `ideal` elsewhere (§5, ConstrainDouble …). */
function parameters(value, isAdvanced) {
    if (isObject(value) && !Array.isArray(value)) return value;
    return isAdvanced ? { exact: value } : { ideal: value };
}

const isRange = (capability) => isObject(capability) && 'min' in capability;
const listOfTexts = (value) => (Array.isArray(value) ? value : [value]);

/** What a constraint leaves of a capability; null if that is nothing. */
function narrow(capability, { min, max, exact }) {
    if (isRange(capability)) {
        const low = Math.max(capability.min, min ?? -Infinity, exact ?? -Infinity);
        const high = Math.min(capability.max, max ?? Infinity, exact ?? Infinity);
        return low <= high ? { min: low, max: high } : null;
    }
    if (exact === undefined) return capability;
    const left = listOfTexts(capability).filter((value) => listOfTexts(exact).includes(value));
    return left.length > 0 ? left : null;
}

function narrowAll(possible, set, isAdvanced) {
    const result = { ...possible };
    for (const name of Object.keys(set)) {
        if (name === 'advanced' || !(name in possible)) continue; // a constraint of the other kind is ignored
        const left = narrow(possible[name], parameters(set[name], isAdvanced));
        if (left === null) return { violated: name };
        result[name] = left;
    }
    const { width, height, aspectRatio } = result;
    if (width && height && aspectRatio) {
        const ratios = { min: Math.max(aspectRatio.min, width.min / height.max), max: Math.min(aspectRatio.max, width.max / height.min) };
        if (ratios.min > ratios.max) return { violated: 'aspectRatio' };
    }
    return { left: result };
}

function chooseOne(possible, ideal, preferred) {
    if (isRange(possible)) return Math.min(Math.max(ideal ?? preferred ?? possible.min, possible.min), possible.max);
    const values = listOfTexts(possible);
    const wanted = ideal === undefined ? [] : listOfTexts(ideal);
    return wanted.find((value) => values.includes(value)) ?? (values.includes(preferred) ? preferred : values[0]);
}

/* Width and height follow each other when only one of them, or only their ratio, was asked for. */
function chooseSize(settings, possible, set, preferred) {
    const asked = (name) => (set[name] === undefined ? undefined : parameters(set[name], false));
    const isFixed = (name) => asked(name) !== undefined && (asked(name).ideal !== undefined || asked(name).exact !== undefined);
    const ratio = asked('aspectRatio')?.exact ?? asked('aspectRatio')?.ideal;
    const clamp = (value, { min, max }) => Math.min(Math.max(value, min), max);
    if (ratio !== undefined && ratio > 0) {
        if (isFixed('height') && !isFixed('width')) settings.width = clamp(Math.round(settings.height * ratio), possible.width);
        else if (!isFixed('height')) settings.height = clamp(Math.round(settings.width / ratio), possible.height);
    } else if (isFixed('width') && !isFixed('height')) {
        settings.height = clamp(Math.round((settings.width * preferred.height) / preferred.width), possible.height);
    } else if (isFixed('height') && !isFixed('width')) {
        settings.width = clamp(Math.round((settings.height * preferred.width) / preferred.height), possible.width);
    }
    settings.aspectRatio = settings.width / settings.height;
}

/**
 * The SelectSettings algorithm (§5.1) for one device: its capabilities, the constraints, and what it prefers to be. Throws the
 * OverconstrainedError that names a required constraint which cannot be met.
 */
export function selectSettings(capabilities, constraints, preferred) {
    let { left: possible, violated } = narrowAll(capabilities, constraints, false);
    if (violated) throw new OverconstrainedError(violated, `The constraint ${violated} cannot be met`);
    for (const set of constraints.advanced ?? []) {
        const narrowed = narrowAll(possible, set, true);
        if (narrowed.left) possible = narrowed.left;
    }
    const settings = {};
    for (const name of Object.keys(capabilities)) {
        const ideal = constraints[name] === undefined ? undefined : parameters(constraints[name], false).ideal;
        const chosen = chooseOne(possible[name], ideal, preferred[name]);
        if (chosen !== undefined) settings[name] = chosen;
    }
    if ('width' in capabilities) chooseSize(settings, possible, constraints, preferred);
    return settings;
}
