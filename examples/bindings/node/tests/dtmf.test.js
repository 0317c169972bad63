import { assert, assertEquals, assertThrows, connectedPair, event, tasks, test } from './harness.js';

async function sendingPair(t) {
    const stream = await t.media({ audio: true });
    const [a, b] = await connectedPair(t, (first) => first.addTrack(stream.getTracks()[0], stream));
    return [a.getSenders()[0].dtmf, a, b];
}

/** The tones of the events up to the empty one. */
function playedTones(dtmf) {
    return new Promise((resolve) => {
        const tones = [];
        dtmf.ontonechange = ({ tone }) => {
            tones.push(tone);
            if (tone === '') resolve(tones);
        };
    });
}

test('senders of sound have a DTMF sender, those of pictures have none', (t) => {
    const pc = t.connection();
    const { sender } = pc.addTransceiver('audio');
    assert(sender.dtmf instanceof RTCDTMFSender && sender.dtmf === sender.dtmf, 'it stays the same');
    assertEquals(pc.addTransceiver('video').sender.dtmf, null);
    assertEquals([sender.dtmf.toneBuffer, sender.dtmf.canInsertDTMF], ['', false]);
});

test('tones cannot be inserted before the connection is connected', (t) => {
    const { dtmf } = t.connection().addTransceiver('audio').sender;
    assertThrows('InvalidStateError', () => dtmf.insertDTMF('1'));
    assertThrows('TypeError', () => dtmf.insertDTMF());
});

test('tones are told one after another, and their end', async (t) => {
    const [dtmf] = await sendingPair(t);
    assertEquals(dtmf.canInsertDTMF, true);
    const played = playedTones(dtmf);
    dtmf.insertDTMF('1a#', 50, 30);
    assertEquals(dtmf.toneBuffer, '1A#');
    assertEquals(await played, ['1', 'A', '#', '']);
    assertEquals(dtmf.toneBuffer, '');
});

test('a tone has left the buffer when it is told', async (t) => {
    const [dtmf] = await sendingPair(t);
    dtmf.insertDTMF('123', 50, 30);
    const { tone } = await event(dtmf, 'tonechange');
    assertEquals([tone, dtmf.toneBuffer], ['1', '23']);
});

test('other tones take the place of those that wait', async (t) => {
    const [dtmf] = await sendingPair(t);
    const played = playedTones(dtmf);
    dtmf.insertDTMF('123', 50, 30);
    dtmf.insertDTMF('9', 50, 30);
    assertEquals(dtmf.toneBuffer, '9');
    assertEquals(await played, ['9', '']);
});

test('an empty string takes back what waits', async (t) => {
    const [dtmf] = await sendingPair(t);
    const played = playedTones(dtmf);
    dtmf.insertDTMF('456', 50, 30);
    dtmf.addEventListener('tonechange', ({ tone }) => tone === '4' && dtmf.insertDTMF(''));
    assertEquals(await played, ['4', '']);
});

test('what is no tone is refused, and changes nothing', async (t) => {
    const [dtmf] = await sendingPair(t);
    dtmf.insertDTMF('12', 6000);
    for (const wrong of ['E', '1 2', '0x', 'ü']) assertThrows('InvalidCharacterError', () => dtmf.insertDTMF(wrong));
    assert(dtmf.toneBuffer.endsWith('2'), dtmf.toneBuffer);
});

test('a sender that does not send inserts no tones', async (t) => {
    const [dtmf, a] = await sendingPair(t);
    a.getTransceivers()[0].stop();
    assertEquals(dtmf.canInsertDTMF, false);
    assertThrows('InvalidStateError', () => dtmf.insertDTMF('1'));
    await tasks();
});
