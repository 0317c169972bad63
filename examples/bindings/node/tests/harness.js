/* A small test harness for Node and browsers alike. A test file calls test(); runTests() runs what they have registered. */

const tests = [];

/** Registers a test: `body(t)`, where t.connection() makes a connection, and t.after(f) has f called at the end. It passes unless it throws. */
export function test(name, body) {
    tests.push({ name, body });
}

class Context {
    #cleanups = [];

    after(cleanup) {
        this.#cleanups.push(cleanup);
    }

    connection(configuration) {
        const pc = new RTCPeerConnection(configuration);
        this.after(() => pc.close());
        return pc;
    }

    async media(constraints) {
        const stream = await navigator.mediaDevices.getUserMedia(constraints);
        this.after(() => stream.getTracks().forEach((track) => track.stop()));
        return stream;
    }

    end() {
        for (const cleanup of this.#cleanups.reverse()) cleanup();
    }
}

const LONGEST_MS = 120000; // for a test that waits for what never comes

/** Runs the tests one after another; `report(name, error)` is told of each, with an error if it failed. */
export async function runTests(report) {
    for (const { name, body } of tests.splice(0)) {
        const context = new Context();
        let timer;
        const late = new Promise((resolve, reject) => {
            timer = setTimeout(() => reject(new Error('It has not ended')), LONGEST_MS);
        });
        let failure = null;
        try {
            await Promise.race([body(context), late]);
        } catch (error) {
            failure = error ?? new Error('It failed');
        }
        clearTimeout(timer);
        context.end();
        report(name, failure);
    }
}

/* ---- assertions ---- */

export function assert(condition, message = 'It is not so') {
    if (!condition) throw new Error(message);
}

export function assertEquals(actual, expected, message = '') {
    const [a, b] = [actual, expected].map((value) => (typeof value === 'object' ? JSON.stringify(value) : value));
    if (!Object.is(a, b)) throw new Error(`${message ? `${message}: ` : ''}${String(a)} instead of ${String(b)}`);
}

function checkError(error, name) {
    if (error?.name !== name) throw new Error(`${error} instead of ${name}`);
    return error;
}

export function assertThrows(name, body) {
    let result;
    try {
        result = body();
    } catch (error) {
        return checkError(error, name);
    }
    throw new Error(`${String(result)} instead of ${name}`);
}

export async function assertRejects(name, promise) {
    let result;
    try {
        result = await promise;
    } catch (error) {
        return checkError(error, name);
    }
    throw new Error(`${JSON.stringify(result)} instead of ${name}`);
}

/* ---- what tests of connections share ---- */

/** The next event of a type. */
export function event(target, type) {
    return new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
}

/** Resolves when `condition()` holds after an event of that type, or holds already. */
export async function until(target, type, condition) {
    while (!condition()) await event(target, type);
}

/** Lets all tasks that are queued now run. */
export function tasks() {
    return new Promise((resolve) => setTimeout(resolve, 20));
}

/** Resolves when `condition()` holds: for what no event tells. */
export async function holds(condition) {
    while (!condition()) await tasks();
}

/** Whether a promise is still pending once the tasks that are queued now have run. */
export async function isPending(promise) {
    const pending = {};
    const winner = await Promise.race([promise.catch(() => null), tasks().then(() => pending)]);
    return winner === pending;
}

/** Gives the candidates of each to the other. */
export function exchangeCandidates(a, b) {
    for (const [from, to] of [
        [a, b],
        [b, a],
    ]) {
        from.addEventListener('icecandidate', ({ candidate }) => to.addIceCandidate(candidate ?? undefined).catch(() => {}));
    }
}

/** An offer of `a`, answered by `b`. */
export async function negotiate(a, b) {
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription();
    await a.setRemoteDescription(b.localDescription);
}

/** Two connections that are connected, after `prepare(a, b)` has given them something to negotiate. */
export async function connectedPair(t, prepare) {
    const pair = [t.connection(), t.connection()];
    exchangeCandidates(...pair);
    await prepare(...pair);
    await negotiate(...pair);
    for (const pc of pair) await until(pc, 'connectionstatechange', () => pc.connectionState === 'connected');
    return pair;
}

/** A channel that is open on both sides: [ours, theirs, our connection, theirs]. */
export async function openChannels(t, label = 'chat', options = {}) {
    let ours;
    let theirs;
    const [a, b] = await connectedPair(t, (first, second) => {
        ours = first.createDataChannel(label, options);
        if (options.negotiated) theirs = second.createDataChannel(label, options);
        else theirs = event(second, 'datachannel').then(({ channel }) => channel);
    });
    theirs = await theirs;
    for (const channel of [ours, theirs]) await until(channel, 'open', () => channel.readyState === 'open');
    return [ours, theirs, a, b];
}
