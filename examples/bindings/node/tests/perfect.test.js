import { assert, assertEquals, test, until } from './harness.js';

/* W3C's example of perfect negotiation, between two connections whose messages take their time. */
function peers(t) {
    const sides = [true, false].map((polite) => ({ pc: t.connection(), polite, makingOffer: false, ignoreOffer: false, answering: false }));
    const failures = [];
    const send = (from, message) => {
        const to = sides[1 - sides.indexOf(from)];
        const text = JSON.stringify(message);
        setTimeout(() => receive(to, JSON.parse(text)).catch((error) => failures.push(error)), 2);
    };
    const receive = async (side, { description, candidate }) => {
        const { pc } = side;
        if (!description) {
            try {
                await pc.addIceCandidate(candidate);
            } catch (error) {
                if (!side.ignoreOffer) throw error;
            }
            return;
        }
        const isReady = !side.makingOffer && (pc.signalingState === 'stable' || side.answering);
        const isCollision = description.type === 'offer' && !isReady;
        side.ignoreOffer = !side.polite && isCollision;
        if (side.ignoreOffer) return;
        side.answering = description.type === 'answer';
        await pc.setRemoteDescription(description);
        side.answering = false;
        if (description.type === 'offer') {
            await pc.setLocalDescription();
            send(side, { description: pc.localDescription });
        }
    };
    for (const side of sides) {
        side.pc.onicecandidate = ({ candidate }) => send(side, { candidate });
        side.pc.onnegotiationneeded = async () => {
            try {
                side.makingOffer = true;
                await side.pc.setLocalDescription();
                send(side, { description: side.pc.localDescription });
            } catch (error) {
                failures.push(error);
            } finally {
                side.makingOffer = false;
            }
        };
    }
    return { pcs: sides.map(({ pc }) => pc), failures };
}

const isSettled = (pc, count) =>
    pc.signalingState === 'stable' && pc.getTransceivers().filter(({ currentDirection }) => currentDirection !== null).length === count;

async function settle(pcs, count) {
    for (const pc of pcs) await until(pc, 'signalingstatechange', () => isSettled(pc, count));
}

test('one side adds, and both agree', async (t) => {
    const { pcs, failures } = peers(t);
    pcs[0].addTransceiver('audio');
    await settle(pcs, 1);
    await until(pcs[1], 'connectionstatechange', () => pcs[1].connectionState === 'connected');
    pcs[1].addTransceiver('video');
    await settle(pcs, 2);
    assertEquals(failures.map(String), []);
});

test('both sides add at once, and both agree', async (t) => {
    const { pcs, failures } = peers(t);
    for (const pc of pcs) pc.addTransceiver('video');
    await settle(pcs, 2);
    for (const pc of pcs) await until(pc, 'connectionstatechange', () => pc.connectionState === 'connected');
    assertEquals(failures.map(String), []);
});

test('both sides keep on adding, and both agree', async (t) => {
    const { pcs, failures } = peers(t);
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
        for (const pc of pcs) pc.addTransceiver(round % 2 ? 'audio' : 'video');
        await new Promise((resolve) => setTimeout(resolve, round));
    }
    await settle(pcs, 2 * rounds);
    const mids = pcs.map((pc) => pc.getTransceivers().map(({ mid, receiver }) => `${mid} ${receiver.track.kind}`).sort());
    assertEquals(mids[0], mids[1]);
    assert(pcs.every((pc) => pc.localDescription.sdp.match(/^m=/gm).length === 2 * rounds), 'there is a line for each');
    assertEquals(failures.map(String), []);
});
