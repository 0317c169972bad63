/* What browsers do not have: raw frames in and out of tracks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nonstandard } from '../index.js';
import { assert, assertEquals, assertRejects, assertThrows, connectedPair, event, holds, tasks, test } from './harness.js';

const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = nonstandard;

function grey(width, height, luma) {
    const data = new Uint8ClampedArray(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1)).fill(128);
    data.fill(luma, 0, width * height);
    return { width, height, data };
}

function tone(sampleRate, channelCount = 1) {
    const samples = Int16Array.from({ length: (sampleRate / 100) * channelCount }, (_, i) => 8000 * Math.sin(i / 8));
    return { samples, sampleRate, channelCount };
}

/** Calls `write` every 20 ms until `promise` is settled. */
async function writing(write, promise) {
    const timer = setInterval(write, 20);
    try {
        return await promise;
    } finally {
        clearInterval(timer);
    }
}

test('a picture that is given to a source comes out of its track', async (t) => {
    const source = new RTCVideoSource();
    const sink = new RTCVideoSink(source.createTrack());
    t.after(() => sink.stop());
    const arrived = event(sink, 'frame');
    source.onFrame({ ...grey(6, 5, 77), rotation: 90 });
    const { frame } = await arrived;
    assertEquals([frame.width, frame.height, frame.rotation, frame.data.length], [6, 5, 90, 6 * 5 + 2 * 3 * 3]);
    assertEquals([frame.data[0], frame.data[29], frame.data[30]], [77, 77, 128]);
});

test('sound that is given to a source comes out of its track', async (t) => {
    const source = new RTCAudioSource();
    const sink = new RTCAudioSink(source.createTrack());
    t.after(() => sink.stop());
    const arrived = event(sink, 'data');
    const given = tone(44100, 2);
    source.onData(given);
    const data = await arrived;
    assertEquals([data.sampleRate, data.channelCount, data.numberOfFrames, data.bitsPerSample], [44100, 2, 441, 16]);
    assertEquals([...data.samples], [...given.samples]);
});

test('a source feeds all of its tracks and their clones', async (t) => {
    const source = new RTCVideoSource();
    const tracks = [source.createTrack(), source.createTrack()];
    tracks.push(tracks[0].clone());
    const sinks = tracks.map((track) => new RTCVideoSink(track));
    t.after(() => sinks.forEach((sink) => sink.stop()));
    const seen = [];
    sinks.forEach((sink, index) => (sink.onframe = () => seen.push(index)));
    tracks[0].stop();
    source.onFrame(grey(4, 4, 10));
    await holds(() => seen.length >= 2);
    await tasks();
    assertEquals(seen.sort(), [1, 2]);
    assertEquals(tracks[2].getSettings(), { width: 4, height: 4, aspectRatio: 1 });
});

test('a disabled track is black and silent', async (t) => {
    const source = new RTCVideoSource();
    const track = source.createTrack();
    const sink = new RTCVideoSink(track);
    t.after(() => sink.stop());
    track.enabled = false;
    const arrived = event(sink, 'frame');
    source.onFrame(grey(4, 4, 200));
    assertEquals((await arrived).frame.data[0], 16);
});

test('a sink that was stopped gets nothing', async () => {
    const source = new RTCVideoSource();
    const sink = new RTCVideoSink(source.createTrack());
    let count = 0;
    sink.onframe = () => count++;
    source.onFrame(grey(4, 4, 200));
    assertEquals(sink.stopped, false);
    sink.stop();
    assertEquals(sink.stopped, true);
    source.onFrame(grey(4, 4, 200));
    await tasks();
    assertEquals(count, 0);
});

test('what is no picture and no sound is refused', () => {
    const source = new RTCVideoSource();
    assertThrows('TypeError', () => source.onFrame({ width: 4, height: 4, data: new Uint8Array(5) }));
    assertThrows('TypeError', () => source.onFrame({ width: 4, height: 4 }));
    assertThrows('TypeError', () => new RTCAudioSource().onData({ samples: [1, 2], sampleRate: 48000 }));
    assertThrows('RangeError', () => new RTCAudioSource().onData({ samples: new Int16Array(10), sampleRate: 1 }));
    assertThrows('TypeError', () => new RTCVideoSink(new RTCAudioSource().createTrack()));
    assertThrows('TypeError', () => new RTCAudioSink({}));
});

test('pictures travel to the peer', async (t) => {
    const source = new RTCVideoSource();
    const track = source.createTrack();
    let arrived;
    await connectedPair(t, (a, b) => {
        arrived = event(b, 'track');
        a.addTrack(track);
    });
    const sink = new RTCVideoSink((await arrived).track);
    t.after(() => sink.stop());
    const { frame } = await writing(() => source.onFrame(grey(160, 120, 200)), event(sink, 'frame'));
    assertEquals([frame.width, frame.height], [160, 120]);
    assert(Math.abs(frame.data[80 * 160 + 60] - 200) < 10, `luma ${frame.data[80 * 160 + 60]}`);
});

test('sound travels to the peer', async (t) => {
    const source = new RTCAudioSource();
    let arrived;
    await connectedPair(t, (a, b) => {
        arrived = event(b, 'track');
        a.addTrack(source.createTrack());
    });
    const sink = new RTCAudioSink((await arrived).track);
    t.after(() => sink.stop());
    const loud = new Promise((resolve) => (sink.ondata = ({ samples }) => Math.max(...samples) > 3000 && resolve(samples)));
    const give = () => {
        source.onData(tone(48000));
        source.onData(tone(48000));
    };
    assert((await writing(give, loud)).length > 0, 'it is heard');
});

test('DTMF tones are heard by the peer as tones', async (t) => {
    const source = new RTCAudioSource();
    let arrived;
    const [a] = await connectedPair(t, (first, second) => {
        arrived = event(second, 'track');
        first.addTrack(source.createTrack());
    });
    const sink = new RTCAudioSink((await arrived).track);
    t.after(() => sink.stop());
    const heard = [];
    const all = new Promise((resolve) => (sink.ontone = ({ tone, duration }) => heard.push([tone, duration > 0]) === 3 && resolve()));
    a.getSenders()[0].dtmf.insertDTMF('5#b', 100, 50);
    await writing(() => source.onData(tone(48000)), all);
    assertEquals(heard, [['5', true], ['#', true], ['B', true]]);
});

test('a received track is sent on to another peer', async (t) => {
    const source = new RTCVideoSource();
    let arrived;
    await connectedPair(t, (a, b) => {
        arrived = event(b, 'track');
        a.addTrack(source.createTrack());
    });
    const { track } = await arrived;
    let relayed;
    await connectedPair(t, (a, b) => {
        relayed = event(b, 'track');
        a.addTrack(track);
    });
    const sink = new RTCVideoSink((await relayed).track);
    t.after(() => sink.stop());
    const { frame } = await writing(() => source.onFrame(grey(160, 120, 60)), event(sink, 'frame'));
    assert(Math.abs(frame.data[80 * 160 + 60] - 60) < 10, `luma ${frame.data[80 * 160 + 60]}`);
});

test('the picture of a device has another size once constraints were applied', async (t) => {
    const [track] = (await t.media({ video: { width: 320, height: 240 } })).getVideoTracks();
    const sink = new RTCVideoSink(track);
    t.after(() => sink.stop());
    assertEquals((await event(sink, 'frame')).frame.width, 320);
    await track.applyConstraints({ width: { exact: 640 }, height: { exact: 480 } });
    await new Promise((resolve) => (sink.onframe = ({ frame }) => frame.width === 640 && resolve()));
    assertEquals(track.getSettings().height, 480);
});

/* ---- files as devices ---- */

/** The path of a file with these bytes, for as long as the test runs. */
function file(t, name, ...parts) {
    const folder = mkdtempSync(join(tmpdir(), 'peer-webrtc-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, name);
    writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part))));
    return path;
}

function wav(samples, sampleRate) {
    const header = Buffer.alloc(44);
    header.write('RIFF', 0);
    header.writeUInt32LE(36 + samples.byteLength, 4);
    header.write('WAVEfmt ', 8);
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20); // PCM
    header.writeUInt16LE(1, 22); // one channel
    header.writeUInt32LE(sampleRate, 24);
    header.writeUInt32LE(2 * sampleRate, 28);
    header.writeUInt16LE(2, 32);
    header.writeUInt16LE(16, 34);
    header.write('data', 36);
    header.writeUInt32LE(samples.byteLength, 40);
    return [header, new Uint8Array(samples.buffer)];
}

test('a WAV file is a microphone', async (t) => {
    const path = file(t, 'steady.wav', ...wav(new Int16Array(16000).fill(1234), 16000));
    const [track] = (await t.media({ audio: { deviceId: { exact: path } } })).getAudioTracks();
    assertEquals(track.getSettings().deviceId, path);
    const sink = new RTCAudioSink(track);
    t.after(() => sink.stop());
    const { samples, sampleRate } = await event(sink, 'data');
    assertEquals([sampleRate, samples.every((sample) => sample === 1234)], [16000, true]);
});

test('a Y4M file is a camera', async (t) => {
    const { data } = grey(64, 48, 99);
    const path = file(t, 'steady.y4m', 'YUV4MPEG2 W64 H48 F25:1 C420jpeg\n', 'FRAME\n', data);
    const [track] = (await t.media({ video: { deviceId: path } })).getVideoTracks();
    const sink = new RTCVideoSink(track);
    t.after(() => sink.stop());
    const { frame } = await event(sink, 'frame');
    assertEquals([frame.width, frame.height, frame.data[0]], [64, 48, 99]);
});

test('a file that cannot be a device is refused', async (t) => {
    const media = (constraints) => navigator.mediaDevices.getUserMedia(constraints);
    await assertRejects('NotReadableError', media({ audio: { deviceId: { exact: file(t, 'noise.wav', 'this is no sound') } } }));
    const { constraint } = await assertRejects('OverconstrainedError', media({ audio: { deviceId: { exact: '/nowhere/at/all.wav' } } }));
    assertEquals(constraint, 'deviceId');
});
