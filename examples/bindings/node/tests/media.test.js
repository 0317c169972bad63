import { assert, assertEquals, assertRejects, assertThrows, connectedPair, event, negotiate, tasks, test } from './harness.js';

const kinds = (stream) => stream.getTracks().map(({ kind }) => kind);

/* ---- devices ---- */

test('getUserMedia gives a stream with a track of each kind that was asked for', async (t) => {
    const both = await t.media({ audio: true, video: true });
    assert(both instanceof MediaStream, 'a MediaStream');
    assertEquals(kinds(both).sort(), ['audio', 'video']);
    assertEquals(kinds(await t.media({ audio: true })), ['audio']);
    assertEquals(kinds(await t.media({ video: true, audio: false })), ['video']);
});

test('getUserMedia that asks for nothing is a TypeError', async () => {
    await assertRejects('TypeError', navigator.mediaDevices.getUserMedia());
    await assertRejects('TypeError', navigator.mediaDevices.getUserMedia({}));
    await assertRejects('TypeError', navigator.mediaDevices.getUserMedia({ audio: false, video: false }));
    await assertRejects('TypeError', navigator.mediaDevices.getUserMedia({ unheard: true }));
});

test('what no device can do is an OverconstrainedError that names it', async () => {
    const refused = async (constraints) => (await assertRejects('OverconstrainedError', navigator.mediaDevices.getUserMedia(constraints))).constraint;
    assertEquals(await refused({ video: { width: { min: 1000000 } } }), 'width');
    assertEquals(await refused({ video: { frameRate: { min: 100000 } } }), 'frameRate');
    assertEquals(await refused({ audio: { deviceId: { exact: 'no such microphone' } } }), 'deviceId');
    assertEquals(await refused({ video: { groupId: { exact: 'no such group' } } }), 'groupId');
});

test('constraints choose the size of the picture', async (t) => {
    const [track] = (await t.media({ video: { width: { exact: 320 }, height: { exact: 240 } } })).getVideoTracks();
    const { width, height, aspectRatio } = track.getSettings();
    assertEquals([width, height], [320, 240]);
    assert(Math.abs(aspectRatio - 4 / 3) < 0.01, `the ratio is ${aspectRatio}`);
});

test('ideal values are approached, and what cannot be is not required', async (t) => {
    const [track] = (await t.media({ video: { width: { ideal: 320 }, height: 240, facingMode: 'environment', groupId: 'elsewhere' } })).getVideoTracks();
    assertEquals([track.getSettings().width, track.getSettings().height], [320, 240]);
});

test('advanced sets of constraints that cannot be met are skipped', async (t) => {
    const advanced = [{ width: 1000000 }, { width: 320, height: 240 }];
    const [track] = (await t.media({ video: { advanced } })).getVideoTracks();
    assertEquals(track.readyState, 'live');
});

test('constraints of the other kind are ignored', async (t) => {
    const stream = await t.media({ audio: { width: { min: 1000000 } } });
    assertEquals(kinds(stream), ['audio']);
});

test('settings say which device it is, and what it does', async (t) => {
    const stream = await t.media({ audio: true, video: true });
    const video = stream.getVideoTracks()[0].getSettings();
    const audio = stream.getAudioTracks()[0].getSettings();
    for (const { deviceId, groupId } of [video, audio]) assert(deviceId.length > 0 && groupId.length > 0, 'there are ids');
    assert(Number.isInteger(video.width) && Number.isInteger(video.height) && video.frameRate > 0, 'a size and a rate');
    assert(audio.sampleRate >= 8000 && audio.channelCount >= 1 && typeof audio.echoCancellation === 'boolean', 'sound');
});

test('the settings lie within the capabilities', async (t) => {
    const [track] = (await t.media({ video: true })).getVideoTracks();
    const capabilities = track.getCapabilities();
    const settings = track.getSettings();
    for (const name of ['width', 'height', 'frameRate']) {
        assert(capabilities[name].min <= settings[name] && settings[name] <= capabilities[name].max, name);
    }
    assertEquals(capabilities.deviceId, settings.deviceId);
});

test('a device can be asked for by its id', async (t) => {
    await t.media({ audio: true, video: true });
    const devices = await navigator.mediaDevices.enumerateDevices();
    const camera = devices.find(({ kind }) => kind === 'videoinput');
    const [track] = (await t.media({ video: { deviceId: { exact: camera.deviceId } } })).getVideoTracks();
    assertEquals([track.getSettings().deviceId, track.label], [camera.deviceId, track.label]);
});

test('devices are listed anew each time, with what they are', async (t) => {
    await t.media({ audio: true, video: true });
    const [first, second] = [await navigator.mediaDevices.enumerateDevices(), await navigator.mediaDevices.enumerateDevices()];
    assert(first[0] !== second[0], 'other objects');
    for (const kind of ['audioinput', 'videoinput']) {
        const device = first.find((one) => one.kind === kind);
        assert(device instanceof InputDeviceInfo && device instanceof MediaDeviceInfo, 'of its class');
        assert(device.deviceId && device.groupId && device.label, 'with ids and a label');
        assertEquals(Object.keys(device.toJSON()).sort(), ['deviceId', 'groupId', 'kind', 'label']);
        assertEquals(device.getCapabilities().deviceId, device.deviceId);
    }
});

test('the constraints that are known are told', () => {
    const known = navigator.mediaDevices.getSupportedConstraints();
    for (const name of ['width', 'height', 'aspectRatio', 'frameRate', 'sampleRate', 'channelCount', 'echoCancellation', 'deviceId', 'groupId']) {
        assertEquals(known[name], true, name);
    }
    assertEquals(known.unheard, undefined);
});

/* ---- tracks ---- */

test('a track of a device is live, enabled and not muted', async (t) => {
    const [track] = (await t.media({ video: true })).getVideoTracks();
    assertEquals([track.kind, track.readyState, track.enabled, track.muted], ['video', 'live', true, false]);
    assert(track.id.length > 0 && track.label.length > 0, 'it has an id and a label');
});

test('stop() ends a track at once and without an event', async (t) => {
    const [track] = (await t.media({ audio: true })).getAudioTracks();
    let ended = 0;
    track.onended = () => ended++;
    track.stop();
    assertEquals(track.readyState, 'ended');
    track.stop();
    await tasks();
    assertEquals(ended, 0);
});

test('enabled is a boolean that can be set', async (t) => {
    const [track] = (await t.media({ audio: true })).getAudioTracks();
    track.enabled = 0;
    assertEquals(track.enabled, false);
    track.enabled = 'yes';
    assertEquals(track.enabled, true);
});

test('a clone has another id and the same state, and goes its own way', async (t) => {
    const [track] = (await t.media({ video: { width: { exact: 320 } } })).getVideoTracks();
    track.enabled = false;
    const clone = track.clone();
    t.after(() => clone.stop());
    assert(clone.id !== track.id && clone instanceof MediaStreamTrack, 'another track');
    assertEquals([clone.kind, clone.label, clone.enabled, clone.readyState], ['video', track.label, false, 'live']);
    assertEquals([clone.getSettings().width, clone.getConstraints()], [320, track.getConstraints()]);
    track.stop();
    clone.enabled = true;
    assertEquals([clone.readyState, track.enabled], ['live', false]);
    assertEquals(track.clone().readyState, 'ended');
});

test('getConstraints gives what was asked for, as a copy', async (t) => {
    const [track] = (await t.media({ video: { width: { exact: 320 } } })).getVideoTracks();
    assertEquals(track.getConstraints(), { width: { exact: 320 } });
    track.getConstraints().width.exact = 5;
    assertEquals(track.getConstraints().width.exact, 320);
    await track.applyConstraints();
    assertEquals(track.getConstraints(), {});
});

test('applyConstraints that can be met replaces what was asked for', async (t) => {
    const [track] = (await t.media({ video: { width: { exact: 320 } } })).getVideoTracks();
    await track.applyConstraints({ frameRate: { max: 120 } });
    assertEquals(track.getConstraints(), { frameRate: { max: 120 } });
    assert(track.getSettings().frameRate <= 120, 'it is met');
});

test('applyConstraints that cannot be met changes nothing', async (t) => {
    const [track] = (await t.media({ video: { width: { exact: 320 } } })).getVideoTracks();
    const error = await assertRejects('OverconstrainedError', track.applyConstraints({ width: { min: 1000000 } }));
    assertEquals(error.constraint, 'width');
    assertEquals([track.getSettings().width, track.getConstraints()], [320, { width: { exact: 320 } }]);
    await assertRejects('OverconstrainedError', track.applyConstraints({ groupId: { exact: 'elsewhere' } }));
});

/* ---- streams ---- */

test('a stream is made of nothing, of tracks, or of a stream', async (t) => {
    const source = await t.media({ audio: true, video: true });
    assertEquals(kinds(new MediaStream()), []);
    assertEquals(kinds(new MediaStream(source)).sort(), ['audio', 'video']);
    const [track] = source.getVideoTracks();
    assertEquals(new MediaStream([track, track]).getTracks().length, 1);
    assert(new MediaStream(source).id !== source.id, 'with an id of its own');
    assertThrows('TypeError', () => new MediaStream([1]));
    assertThrows('TypeError', () => new MediaStream(5));
});

test('tracks are added once and removed, without an event', async (t) => {
    const source = await t.media({ audio: true, video: true });
    const [audio] = source.getAudioTracks();
    const stream = new MediaStream();
    let events = 0;
    stream.onaddtrack = stream.onremovetrack = () => events++;
    stream.addTrack(audio);
    stream.addTrack(audio);
    assertEquals(stream.getTracks().length, 1);
    assert(stream.getTracks()[0] === audio && stream.getTrackById(audio.id) === audio, 'it is the same track');
    stream.removeTrack(audio);
    stream.removeTrack(audio);
    assertEquals([stream.getTracks().length, stream.getTrackById(audio.id)], [0, null]);
    await tasks();
    assertEquals(events, 0);
    assertThrows('TypeError', () => stream.addTrack('a track'));
});

test('a stream is active as long as one of its tracks lives', async (t) => {
    const stream = await t.media({ audio: true, video: true });
    assertEquals([stream.active, new MediaStream().active], [true, false]);
    const [first, second] = stream.getTracks();
    first.stop();
    assertEquals(stream.active, true);
    second.stop();
    assertEquals(stream.active, false);
});

test('the lists of a stream are copies', async (t) => {
    const stream = await t.media({ audio: true, video: true });
    stream.getTracks().length = 0;
    assertEquals([stream.getTracks().length, stream.getAudioTracks().length, stream.getVideoTracks().length], [2, 1, 1]);
});

test('a cloned stream has clones of the tracks', async (t) => {
    const stream = await t.media({ audio: true });
    const clone = stream.clone();
    t.after(() => clone.getTracks().forEach((track) => track.stop()));
    assert(clone.id !== stream.id && clone.getTracks()[0].id !== stream.getTracks()[0].id, 'nothing is the same');
    stream.getTracks()[0].stop();
    assertEquals([stream.active, clone.active], [false, true]);
});

/* ---- tracks of the peer's ---- */

test('a received track is muted until media come', async (t) => {
    const stream = await t.media({ video: true });
    let arrived;
    await connectedPair(t, (a, b) => {
        arrived = event(b, 'track').then(({ track }) => {
            const { muted, readyState, enabled } = track;
            return { track, state: [muted, readyState, enabled], unmute: event(track, 'unmute') };
        });
        a.addTrack(stream.getTracks()[0], stream);
    });
    const { track, state, unmute } = await arrived;
    assertEquals(state, [true, 'live', true]);
    await unmute;
    assertEquals(track.muted, false);
});

test('a stream of the peer has its id, and tracks come and go by description', async (t) => {
    const stream = await t.media({ audio: true, video: true });
    const [a, b] = [t.connection(), t.connection()];
    a.addTrack(stream.getAudioTracks()[0], stream);
    const arrived = event(b, 'track');
    await negotiate(a, b);
    const [received] = (await arrived).streams;
    assertEquals([received.id, received.getTracks().length, received.active], [stream.id, 1, true]);
    const seen = [];
    received.onaddtrack = ({ track }) => seen.push(`add ${track.kind}`);
    received.onremovetrack = ({ track }) => seen.push(`remove ${track.kind}`);
    const sender = a.addTrack(stream.getVideoTracks()[0], stream);
    await negotiate(a, b);
    assertEquals([seen, received.getTracks().length], [['add video'], 2]);
    a.removeTrack(sender);
    await negotiate(a, b);
    assertEquals([seen, kinds(received)], [['add video', 'remove video'], ['audio']]);
});

test('a track that the peer does not send any more is muted', async (t) => {
    const stream = await t.media({ audio: true });
    const [a, b] = [t.connection(), t.connection()];
    const sender = a.addTrack(stream.getTracks()[0], stream);
    const arrived = event(b, 'track');
    await negotiate(a, b);
    const { track, streams } = await arrived;
    a.removeTrack(sender);
    await negotiate(a, b);
    assertEquals([track.muted, track.readyState, streams[0].getTracks().length], [true, 'live', 0]);
});

test('a track ends with its transceiver', async (t) => {
    const [a, b] = [t.connection(), t.connection()];
    a.addTransceiver('audio');
    a.addTransceiver('video');
    await negotiate(a, b);
    const [first, second] = b.getTransceivers().map(({ receiver }) => receiver.track);
    const ended = event(first, 'ended');
    a.getTransceivers()[0].stop();
    await negotiate(a, b);
    await ended;
    assertEquals([first.readyState, second.readyState], ['ended', 'live']);
});
