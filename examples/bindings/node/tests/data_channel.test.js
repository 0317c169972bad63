import { assert, assertEquals, assertThrows, connectedPair, event, holds, negotiate, openChannels, tasks, test, until } from './harness.js';

const bytes = (...values) => Uint8Array.from(values);
const listed = (buffer) => [...new Uint8Array(buffer)];

/** The data of the next `count` messages. */
function messages(channel, count) {
    return new Promise((resolve) => {
        const received = [];
        channel.addEventListener('message', function listener({ data }) {
            if (received.push(data) < count) return;
            channel.removeEventListener('message', listener);
            resolve(received);
        });
    });
}

test('a new channel is connecting and has the defaults', (t) => {
    const channel = t.connection().createDataChannel('plain');
    assertEquals(
        [channel.label, channel.ordered, channel.maxPacketLifeTime, channel.maxRetransmits, channel.protocol, channel.negotiated],
        ['plain', true, null, null, '', false],
    );
    assertEquals([channel.id, channel.readyState, channel.bufferedAmount, channel.bufferedAmountLowThreshold], [null, 'connecting', 0, 0]);
    assertEquals(channel.binaryType, 'arraybuffer');
});

test('what a channel was created with can be read, at the peer too', async (t) => {
    const [ours, theirs] = await openChannels(t, 'prüfung', { ordered: false, maxRetransmits: 3, protocol: 'chess' });
    for (const channel of [ours, theirs]) {
        assertEquals([channel.label, channel.ordered, channel.maxRetransmits, channel.maxPacketLifeTime], ['prüfung', false, 3, null]);
        assertEquals([channel.protocol, channel.negotiated], ['chess', false]);
    }
    assertEquals(ours.id, theirs.id);
    assert(Number.isInteger(ours.id), 'there is an id');
});

test('a lifetime of messages is told to the peer', async (t) => {
    const [, theirs] = await openChannels(t, 'live', { maxPacketLifeTime: 250 });
    assertEquals([theirs.maxPacketLifeTime, theirs.maxRetransmits, theirs.ordered], [250, null, true]);
});

test('channels get ids of their own, even or odd by the side that created them', async (t) => {
    const [ours, theirs, a, b] = await openChannels(t);
    const second = a.createDataChannel('second');
    await event(second, 'open');
    const third = b.createDataChannel('third');
    await event(third, 'open');
    assert(second.id !== ours.id && second.id % 2 === ours.id % 2, `${ours.id} and ${second.id}`);
    assert(third.id % 2 !== theirs.id % 2, `${third.id} is of the other side`);
});

test('arguments of createDataChannel are checked', (t) => {
    const pc = t.connection();
    assertThrows('TypeError', () => pc.createDataChannel());
    assertThrows('TypeError', () => pc.createDataChannel('x'.repeat(65536)));
    assertThrows('TypeError', () => pc.createDataChannel('', { protocol: 'x'.repeat(65536) }));
    assertThrows('TypeError', () => pc.createDataChannel('', { maxRetransmits: 1, maxPacketLifeTime: 1 }));
    assertThrows('TypeError', () => pc.createDataChannel('', { negotiated: true }));
    assertThrows('TypeError', () => pc.createDataChannel('', { maxRetransmits: -1 }));
    assertThrows('TypeError', () => pc.createDataChannel('', { maxPacketLifeTime: 65536 }));
    assertThrows('TypeError', () => pc.createDataChannel('', { negotiated: true, id: 65535 }));
});

test('an id that was not negotiated is ignored', (t) => {
    assertEquals(t.connection().createDataChannel('', { id: 7 }).id, null);
});

test('one id serves one channel', (t) => {
    const pc = t.connection();
    assertEquals(pc.createDataChannel('', { negotiated: true, id: 5 }).id, 5);
    assertThrows('OperationError', () => pc.createDataChannel('', { negotiated: true, id: 5 }));
});

test('a closed connection creates no channel', (t) => {
    const pc = t.connection();
    pc.close();
    assertThrows('InvalidStateError', () => pc.createDataChannel(''));
});

test('labels and protocols are converted to strings of whole characters', (t) => {
    const pc = t.connection();
    assertEquals(pc.createDataChannel(42).label, '42');
    assertEquals(pc.createDataChannel(null).label, 'null');
    assertEquals(pc.createDataChannel('\uD800').label, '\uFFFD');
});

test('the peer can send in its datachannel event, before open', async (t) => {
    const order = [];
    let received;
    await connectedPair(t, (a, b) => {
        received = messages(a.createDataChannel('early'), 1);
        b.ondatachannel = ({ channel }) => {
            order.push(`datachannel ${channel.readyState}`);
            channel.onopen = () => order.push(`open ${channel.readyState}`);
            channel.send('at once');
        };
    });
    assertEquals(await received, ['at once']);
    assertEquals(order, ['datachannel open', 'open open']);
});

test('channels that both sides negotiated need no event', async (t) => {
    let events = 0;
    const [ours, theirs] = await openChannels(t, 'known', { negotiated: true, id: 11 });
    theirs.addEventListener('datachannel', () => events++);
    ours.send('hello');
    assertEquals(await messages(theirs, 1), ['hello']);
    assertEquals([ours.id, theirs.id, ours.negotiated, events], [11, 11, true, 0]);
});

test('text arrives as text, whatever its characters', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 5);
    for (const text of ['plain', '', 'grüße, 世界 🎈', '\u0000', '\uDC00']) ours.send(text);
    assertEquals(await received, ['plain', '', 'grüße, 世界 🎈', '\u0000', '\uFFFD']);
});

test('what is no binary data is sent as its string', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 3);
    for (const value of [17, { toString: () => 'an object' }, null]) ours.send(value);
    assertEquals(await received, ['17', 'an object', 'null']);
});

test('buffers and views arrive as buffers of their own', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 4);
    const buffer = bytes(1, 2, 3, 4, 5, 6, 7, 8).buffer;
    ours.send(buffer);
    ours.send(new Uint8Array(buffer, 2, 3));
    ours.send(new DataView(buffer, 6));
    ours.send(new ArrayBuffer(0));
    assertEquals((await received).map(listed), [[1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5], [7, 8], []]);
});

test('a view of larger elements is sent by its bytes', async (t) => {
    const [ours, theirs] = await openChannels(t);
    ours.send(Uint16Array.of(0x0102, 0x0304));
    assertEquals(listed((await messages(theirs, 1))[0]).sort(), [1, 2, 3, 4]);
});

test('what is sent is copied at once', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const data = bytes(1, 2, 3);
    ours.send(data);
    data.fill(9);
    assertEquals(listed((await messages(theirs, 1))[0]), [1, 2, 3]);
});

test('blobs arrive in the order in which they were sent', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 3);
    ours.send(new Blob([new Uint8Array(100000).fill(1)]));
    ours.send(new Blob(['a ', 'b']));
    ours.send(new Blob([bytes(7, 7)]));
    const [first, second, third] = await received;
    assertEquals([first.byteLength, new TextDecoder().decode(second), listed(third)], [100000, 'a b', [7, 7]]);
});

test('binaryType chooses blobs, and ignores what it does not know', async (t) => {
    const [ours, theirs] = await openChannels(t);
    theirs.binaryType = 'blob';
    theirs.binaryType = 'something else';
    assertEquals(theirs.binaryType, 'blob');
    ours.send(bytes(1, 2, 3));
    const [data] = await messages(theirs, 1);
    assert(data instanceof Blob, 'it is a Blob');
    assertEquals(listed(await data.arrayBuffer()), [1, 2, 3]);
});

test('a message event says what it is', async (t) => {
    const [ours, theirs] = await openChannels(t);
    ours.send('hello');
    const message = await event(theirs, 'message');
    assert(message instanceof MessageEvent, 'a MessageEvent');
    assertEquals([message.type, message.data, message.bubbles, message.cancelable], ['message', 'hello', false, false]);
    assert(message.target === theirs, 'its target is the channel');
});

test('messages cannot be sent before the channel is open, or after it was closed', async (t) => {
    assertThrows('InvalidStateError', () => t.connection().createDataChannel('').send('too early'));
    const [ours] = await openChannels(t);
    ours.close();
    assertThrows('InvalidStateError', () => ours.send('too late'));
    assertThrows('InvalidStateError', () => ours.send(new Blob(['too late'])));
});

test('a message is no larger than the peer takes', async (t) => {
    const [ours, theirs, a] = await openChannels(t);
    const largest = Math.min(a.sctp.maxMessageSize, 262144);
    const received = messages(theirs, 1);
    ours.send(new Uint8Array(largest));
    assertEquals((await received)[0].byteLength, largest);
    assertThrows('TypeError', () => ours.send(new Uint8Array(a.sctp.maxMessageSize + 1)));
    assertThrows('TypeError', () => ours.send(new Blob([new Uint8Array(a.sctp.maxMessageSize + 1)])));
});

test('bufferedAmount rises with every send, and does not fall within a task', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 3);
    ours.send('12345');
    assertEquals(ours.bufferedAmount, 5);
    ours.send(bytes(1, 2, 3));
    assertEquals(ours.bufferedAmount, 8);
    ours.send('ü');
    assertEquals(ours.bufferedAmount, 10);
    await Promise.resolve();
    assertEquals(ours.bufferedAmount, 10, 'after a microtask');
    await received;
    await until(ours, 'bufferedamountlow', () => ours.bufferedAmount === 0);
});

test('bufferedAmount counts blobs that are still to be read', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const received = messages(theirs, 2);
    ours.send(new Blob(['12345']));
    ours.send('678');
    assertEquals(ours.bufferedAmount, 8);
    await received;
});

test('bufferedamountlow comes when the amount falls to the threshold', async (t) => {
    const [ours] = await openChannels(t);
    ours.bufferedAmountLowThreshold = 1000;
    assertEquals(ours.bufferedAmountLowThreshold, 1000);
    const low = event(ours, 'bufferedamountlow');
    for (let i = 0; i < 10; i++) ours.send(new Uint8Array(10000));
    await low;
    assert(ours.bufferedAmount <= 1000, `${ours.bufferedAmount} are left`);
});

test('the threshold is a number of 32 bits', (t) => {
    const channel = t.connection().createDataChannel('');
    for (const value of [2 ** 32 - 1, '17']) {
        channel.bufferedAmountLowThreshold = value;
        assertEquals(channel.bufferedAmountLowThreshold, Number(value));
    }
});

test('closing a channel closes it on both sides, without an error', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const seen = [];
    ours.onclosing = () => seen.push('closing, though it was closed here');
    ours.onerror = theirs.onerror = () => seen.push('error');
    const both = [event(ours, 'close'), event(theirs, 'close')];
    ours.close();
    assertEquals(ours.readyState, 'closing');
    await Promise.all(both);
    await tasks();
    assertEquals([ours.readyState, theirs.readyState, seen], ['closed', 'closed', []]);
});

test('close() can be called again, and before the channel is open', async (t) => {
    const channel = t.connection().createDataChannel('');
    channel.close();
    channel.close();
    assert(['closing', 'closed'].includes(channel.readyState), channel.readyState);
});

test('closing the connection closes its channels', async (t) => {
    const [ours, , a] = await openChannels(t);
    a.close();
    await holds(() => ours.readyState === 'closed');
    assertThrows('InvalidStateError', () => ours.send('too late'));
});

test('when the peer closes its connection the channel fails and closes', async (t) => {
    const [ours, , , b] = await openChannels(t);
    const seen = [];
    let error = null;
    ours.onerror = (told) => {
        seen.push(`error ${ours.readyState}`);
        error = told;
    };
    const closed = event(ours, 'close');
    b.close();
    await closed;
    assertEquals(seen, ['error closed']);
    assert(error instanceof RTCErrorEvent && error.error instanceof RTCError, 'it is an RTCErrorEvent');
    assertEquals([error.error.name, error.error.errorDetail], ['OperationError', 'sctp-failure']);
});

test('a new channel on a connected connection needs no negotiation', async (t) => {
    const [, , a, b] = await openChannels(t);
    let isNeeded = false;
    a.onnegotiationneeded = () => (isNeeded = true);
    const arrived = event(b, 'datachannel');
    const channel = a.createDataChannel('another');
    assertEquals(channel.readyState, 'connecting');
    await event(channel, 'open');
    assertEquals([(await arrived).channel.label, isNeeded], ['another', false]);
});

test('messages of an unordered channel all arrive', async (t) => {
    const [ours, theirs] = await openChannels(t, 'loose', { ordered: false });
    const received = messages(theirs, 50);
    for (let i = 0; i < 50; i++) ours.send(String(i));
    assertEquals(
        (await received).map(Number).sort((x, y) => x - y),
        Array.from({ length: 50 }, (_, i) => i),
    );
});

test('many messages arrive in order, both ways at once', async (t) => {
    const [ours, theirs] = await openChannels(t);
    const numbers = Array.from({ length: 500 }, (_, i) => String(i));
    const both = [messages(ours, 500), messages(theirs, 500)];
    for (const number of numbers) {
        ours.send(number);
        theirs.send(number);
    }
    for (const received of await Promise.all(both)) assertEquals(received, numbers);
});

test('channels live on through another negotiation', async (t) => {
    const [ours, theirs, a, b] = await openChannels(t);
    a.addTransceiver('audio');
    await negotiate(a, b);
    const received = messages(theirs, 1);
    ours.send('still here');
    assertEquals(await received, ['still here']);
    await until(a, 'signalingstatechange', () => a.signalingState === 'stable');
});
