import { assert, assertEquals, assertRejects, assertThrows, connectedPair, event, openChannels, test } from './harness.js';

const ofType = (report, type) => [...report.values()].filter((stats) => stats.type === type);

async function mediaPair(t) {
    const stream = await t.media({ audio: true, video: true });
    const pair = await connectedPair(t, (a) => stream.getTracks().forEach((track) => a.addTrack(track, stream)));
    return [...pair, stream];
}

/** The report of `get()` once `condition(report)` holds. */
async function reportWhen(get, condition) {
    for (;;) {
        const report = await get();
        if (condition(report)) return report;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

test('a report is a map that cannot be changed', async (t) => {
    const report = await t.connection().getStats();
    assert(report instanceof RTCStatsReport && report.size > 0, 'there is a report');
    assertEquals([report.set, report.delete, report.clear], [undefined, undefined, undefined]);
    assertEquals([...report.keys()].length, report.size);
    const [[id, stats]] = report;
    assert(report.has(id) && report.get(id).type === stats.type && stats.id === id, 'by its id');
    assertEquals([report.has('unheard'), report.get('unheard')], [false, undefined]);
    const seen = [];
    report.forEach(function (value, key, map) {
        seen.push(key);
        assert(map === report && report.get(key).id === value.id && this === seen, 'what forEach tells');
    }, seen);
    assertEquals(seen, [...report.entries()].map(([key]) => key));
    assert(RTCStatsReport.prototype[Symbol.iterator] === RTCStatsReport.prototype.entries, 'it is iterated by its entries');
});

test('every object has an id, a type and a time', async (t) => {
    const [, , a] = await openChannels(t);
    for (const [id, stats] of await a.getStats()) {
        assertEquals(stats.id, id);
        assert(typeof stats.type === 'string' && Math.abs(stats.timestamp - Date.now()) < 60000, `${stats.type} at ${stats.timestamp}`);
    }
});

test('a data channel is counted', async (t) => {
    const [ours, theirs, a, b] = await openChannels(t, 'counted');
    const received = event(theirs, 'message');
    ours.send('12345');
    await received;
    const [sent] = ofType(await a.getStats(), 'data-channel');
    const [got] = ofType(await b.getStats(), 'data-channel');
    assertEquals([sent.label, sent.state, sent.messagesSent, sent.bytesSent, sent.dataChannelIdentifier], ['counted', 'open', 1, 5, ours.id]);
    assertEquals([got.messagesReceived, got.bytesReceived, got.messagesSent], [1, 5, 0]);
    assertEquals(ofType(await a.getStats(), 'peer-connection')[0].dataChannelsOpened, 1);
});

test('a report leads from the transport to the candidates that are used', async (t) => {
    const [, , a] = await openChannels(t);
    const report = await a.getStats();
    const [transport] = ofType(report, 'transport');
    assertEquals(transport.dtlsState, 'connected');
    const pair = report.get(transport.selectedCandidatePairId);
    assertEquals([pair.type, pair.state, pair.nominated], ['candidate-pair', 'succeeded', true]);
    assertEquals([report.get(pair.localCandidateId).type, report.get(pair.remoteCandidateId).type], ['local-candidate', 'remote-candidate']);
    const certificate = report.get(transport.localCertificateId);
    assertEquals([certificate.type, certificate.fingerprintAlgorithm], ['certificate', 'sha-256']);
    assert(a.localDescription.sdp.includes(certificate.fingerprint), 'it is the certificate of the description');
});

test('what is sent and received is counted, and the counts only rise', async (t) => {
    const [a, b] = await mediaPair(t);
    const flows = (report) => ofType(report, 'inbound-rtp').length === 2 && ofType(report, 'inbound-rtp').every(({ packetsReceived }) => packetsReceived > 5);
    const first = await reportWhen(() => b.getStats(), flows);
    const second = await reportWhen(() => b.getStats(), (report) => ofType(report, 'inbound-rtp').every(({ id, packetsReceived }) => packetsReceived > first.get(id).packetsReceived));
    for (const inbound of ofType(second, 'inbound-rtp')) {
        const before = first.get(inbound.id);
        assert(inbound.bytesReceived > before.bytesReceived && inbound.timestamp > before.timestamp, inbound.kind);
        assertEquals(second.get(inbound.codecId).type, 'codec');
    }
    const sent = ofType(await a.getStats(), 'outbound-rtp');
    assertEquals(sent.map(({ kind }) => kind).sort(), ['audio', 'video']);
    for (const outbound of sent) assert(outbound.packetsSent > 5 && Number.isInteger(outbound.ssrc), outbound.kind);
});

test('a selector limits the report to what belongs to it', async (t) => {
    const [a, b, stream] = await mediaPair(t);
    const [track] = stream.getVideoTracks();
    const ofTrack = await reportWhen(() => a.getStats(track), (report) => ofType(report, 'outbound-rtp').length > 0);
    assertEquals(ofType(ofTrack, 'outbound-rtp').map(({ kind }) => kind), ['video']);
    const sender = a.getSenders().find((one) => one.track === track);
    assertEquals(ofType(await sender.getStats(), 'outbound-rtp').map(({ kind }) => kind), ['video']);
    const receiver = b.getReceivers().find((one) => one.track.kind === 'audio');
    const received = await reportWhen(() => receiver.getStats(), (report) => ofType(report, 'inbound-rtp').length > 0);
    assertEquals(ofType(received, 'inbound-rtp').map(({ kind }) => kind), ['audio']);
    assertEquals(ofType(await a.getStats(null), 'outbound-rtp').length, 2);
});

test('a track that is not of the connection selects nothing', async (t) => {
    const stream = await t.media({ audio: true });
    const pc = t.connection();
    await assertRejects('InvalidAccessError', pc.getStats(stream.getTracks()[0]));
    await assertRejects('TypeError', pc.getStats('a track'));
});

test('statistics can be asked for after close()', async (t) => {
    const [, , a] = await openChannels(t);
    a.close();
    assert((await a.getStats()).size > 0, 'they are as they were last');
    assertThrows('TypeError', () => RTCStatsReport.prototype.get.call(new Map(), 'id'));
});
