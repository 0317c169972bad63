/* navigator.mediaDevices (W3C Media Capture and Streams §9, §10): the library's own sources, and files. */
import { existsSync } from 'node:fs';
import { check } from './dom_exception.js';
import { MediaTrackConstraints, constraintNames, selectSettings } from './constraints.js';
import { queueTask } from './loop.js';
import { MediaStream } from './media_stream.js';
import { makeTrack, setTrackSource, trackHandle } from './media_stream_track.js';
import { declare, struct } from './native.js';
import { boolean, defineInterface, dictionary, illegalUnless, interfaceType, internal } from './webidl.js';

const makeConstraints = struct('peer_media_constraints_t', {
    audio: 'int32_t',
    video: 'int32_t',
    audio_device: 'str',
    video_device: 'str',
    width: 'int32_t',
    height: 'int32_t',
    frame_rate: 'int32_t',
    sample_rate: 'int32_t',
    channel_count: 'int32_t',
});
const peer = declare(`
    int peer_get_user_media(const peer_media_constraints_t *constraints, _Out_ handle *stream)
    int peer_track_apply_constraints(handle track, const peer_media_constraints_t *constraints)
    handle peer_stream_track(handle stream, size_t index)
    void peer_stream_unref(handle stream)
    handle peer_track_ref(handle track)
`);

/* ---- devices ---- */

const GROUP = 'test';
const picture = {
    deviceId: 'test-picture',
    kind: 'videoinput',
    label: 'Test picture',
    groupId: GROUP,
    capabilities: {
        width: { min: 64, max: 7680 },
        height: { min: 48, max: 4320 },
        aspectRatio: { min: 64 / 4320, max: 7680 / 48 },
        frameRate: { min: 1, max: 120 },
        facingMode: [],
        resizeMode: ['none', 'crop-and-scale'],
        deviceId: 'test-picture',
        groupId: GROUP,
    },
    preferred: { width: 640, height: 480, frameRate: 30, resizeMode: 'none' },
    native: (settings) => ({
        video: 1,
        width: settings.width,
        height: settings.height,
        frame_rate: Math.max(1, Math.round(settings.frameRate)),
    }),
};
const sound = {
    deviceId: 'test-sound',
    kind: 'audioinput',
    label: 'Test sound',
    groupId: GROUP,
    capabilities: {
        sampleRate: { min: 8000, max: 192000 },
        sampleSize: { min: 16, max: 16 },
        echoCancellation: [false],
        autoGainControl: [false],
        noiseSuppression: [false],
        latency: { min: 0.01, max: 0.01 },
        channelCount: { min: 1, max: 2 },
        deviceId: 'test-sound',
        groupId: GROUP,
    },
    preferred: { sampleRate: 48000, channelCount: 1 },
    native: (settings) => ({ audio: 1, sample_rate: settings.sampleRate, channel_count: settings.channelCount }),
};
const devices = { audio: sound, video: picture };

/** A file is a device whose id is its path: WAV, Y4M or IVF, played in a loop. */
function fileDevice(kind, path) {
    return {
        deviceId: path,
        capabilities: { deviceId: path, groupId: 'files' },
        preferred: {},
        native: () => (kind === 'audio' ? { audio: 1, audio_device: path } : { video: 1, video_device: path }),
    };
}

function deviceFor(kind, constraints) {
    const asked = constraints.deviceId;
    const values = [asked, asked?.exact, asked?.ideal].flat().filter((value) => typeof value === 'string');
    const path = values.find((value) => /\.(wav|y4m|ivf)$/i.test(value) && existsSync(value));
    return path === undefined ? devices[kind] : fileDevice(kind, path);
}

/* ---- MediaDeviceInfo ---- */

export class MediaDeviceInfo {
    #device;

    constructor(token, device) {
        illegalUnless(token);
        this.#device = device;
    }

    get deviceId() {
        return this.#device.deviceId;
    }

    get kind() {
        return this.#device.kind;
    }

    get label() {
        return this.#device.label;
    }

    get groupId() {
        return this.#device.groupId;
    }

    toJSON() {
        const { deviceId, kind, label, groupId } = this.#device;
        return { deviceId, kind, label, groupId };
    }
}
defineInterface(MediaDeviceInfo);
Object.defineProperty(MediaDeviceInfo, 'length', { value: 0, configurable: true });

export class InputDeviceInfo extends MediaDeviceInfo {
    #device;

    constructor(token, device) {
        illegalUnless(token);
        super(internal, device);
        this.#device = device;
    }

    getCapabilities() {
        return structuredClone(this.#device.capabilities);
    }
}
defineInterface(InputDeviceInfo);
Object.defineProperty(InputDeviceInfo, 'length', { value: 0, configurable: true });

/* ---- MediaDevices ---- */

const BooleanOrConstraints = (value, what) =>
    (typeof value === 'object' && value !== null) || typeof value === 'function' || value === null
        ? MediaTrackConstraints(value, what)
        : boolean(value);
const MediaStreamConstraints = dictionary('MediaStreamConstraints', {
    audio: { type: BooleanOrConstraints, default: false },
    video: { type: BooleanOrConstraints, default: false },
});

function openTrack(kind, constraints) {
    const device = deviceFor(kind, constraints);
    let settings = selectSettings(device.capabilities, constraints, device.preferred);
    const stream = [0];
    check(peer.peer_get_user_media(makeConstraints(device.native(settings)), stream));
    const track = makeTrack(peer.peer_track_ref(peer.peer_stream_track(stream[0], 0)));
    peer.peer_stream_unref(stream[0]);
    setTrackSource(
        track,
        {
            capabilities: () => structuredClone(device.capabilities),
            settings: () => ({ ...settings }),
            configure(wanted, configured) {
                const next = selectSettings(device.capabilities, wanted, device.preferred);
                if (Object.keys(device.native(next)).some((name) => device.native(next)[name] !== device.native(settings)[name])) {
                    check(peer.peer_track_apply_constraints(trackHandle(configured), makeConstraints(device.native(next))));
                }
                settings = next;
            },
        },
        constraints,
    );
    return track;
}

let isMediaDevices;
const mediaDevicesType = interfaceType('MediaDevices', (value) => isMediaDevices(value));

export class MediaDevices extends EventTarget {
    #brand;

    constructor(token) {
        illegalUnless(token);
        super();
    }

    enumerateDevices() {
        mediaDevicesType(this, 'this');
        return new Promise((resolve) => {
            queueTask(() => resolve([sound, picture].map((device) => new InputDeviceInfo(internal, device))));
        });
    }

    getSupportedConstraints() {
        mediaDevicesType(this, 'this');
        return Object.fromEntries(constraintNames.map((name) => [name, true]));
    }

    getUserMedia(constraints = {}) {
        mediaDevicesType(this, 'this');
        const wanted = MediaStreamConstraints(constraints, 'getUserMedia: constraints');
        const kinds = ['audio', 'video'].filter((kind) => wanted[kind] !== false);
        if (kinds.length === 0) throw new TypeError('getUserMedia: neither audio nor video is asked for');
        return new Promise((resolve, reject) => {
            queueTask(() => {
                const tracks = [];
                try {
                    for (const kind of kinds) tracks.push(openTrack(kind, wanted[kind] === true ? {} : wanted[kind]));
                    resolve(new MediaStream(tracks));
                } catch (error) {
                    for (const track of tracks) track.stop();
                    reject(error);
                }
            });
        });
    }

    static {
        isMediaDevices = (value) => typeof value === 'object' && value !== null && #brand in value;
    }
}
defineInterface(MediaDevices, { is: isMediaDevices, handlers: ['ondevicechange'], promises: ['enumerateDevices', 'getUserMedia'] });
Object.defineProperty(MediaDevices, 'length', { value: 0, configurable: true });

export const mediaDevices = new MediaDevices(internal);
