/* The one loop of the library that all objects share, driven by Node's own: everything happens on the thread of JavaScript. */
import { declare, koffi } from './native.js';
import { queueTask } from './tasks.js';

export { queueTask, runInTurn } from './tasks.js';

const LOOP_MANUAL = 1;
const peer = declare(`
    handle peer_loop_new(int32_t mode)
    int peer_loop_fd(handle loop)
    int peer_loop_dispatch(handle loop)
`);

let handle = 0;
let watch = null;
let dispatching = false;
let collector = null;
const alive = new Set(); // what is to keep the process, and its own object, alive

/** The loop's handle; made at first use. */
export function loop() {
    if (!handle) {
        handle = peer.peer_loop_new(LOOP_MANUAL);
        /* Of koffi this is the one thing that may change with any version (package.json pins it). An asynchronous call of poll(2) takes three
         * times as long and a thread of Node's pool, and keeps the process; a worker takes six times as long, and must not be inside poll(2)
         * when the process ends. */
        watch = koffi.node.poll(peer.peer_loop_fd(handle), { readable: true }, dispatch);
        watch.unref();
        process.once('exit', () => watch.close()); // nothing is to be called while Node takes itself apart
    }
    return handle;
}

/** Does what is due. Callbacks of the library come from in here, and only from here. */
export function dispatch() {
    if (dispatching) return;
    dispatching = true;
    try {
        peer.peer_loop_dispatch(loop());
    } finally {
        dispatching = false;
    }
}

/**
 * To be called by native callbacks, which must not run code of the application: queues a task that does so. `owner` is the connection, or null
 * for what does not know it; if that is just being given a description and `isPartOfDescription` is set, the task is a part of the one that
 * applies the description.
 */
export function post(owner, task, isPartOfDescription = false) {
    if (collector && isPartOfDescription && (owner === null || collector.owner === owner)) collector.tasks.push(task);
    else queueTask(task);
}

/** Makes a call that applies a description, and returns its result and the tasks that belong to it, in their order. */
export function collect(owner, call) {
    collector = { owner, tasks: [] };
    try {
        const result = call();
        dispatch();
        return { result, tasks: collector.tasks };
    } finally {
        collector = null;
    }
}

/** Keeps the process running, and the object from being collected, until release(). */
export function keepAlive(object) {
    loop();
    if (alive.size === 0) watch.ref();
    alive.add(object);
}

export function release(object) {
    if (alive.delete(object) && alive.size === 0) watch.unref();
}

let nextRoute = 1;
const routes = new Map();

/** A number that stands for an object in C, as the `user` of its events. It does not keep the object alive. */
export function addRoute(object) {
    routes.set(nextRoute, new WeakRef(object));
    return nextRoute++;
}

/** The object that a `user` stands for; undefined when it is no more. */
export function routeTo(user) {
    return routes.get(Number(user))?.deref();
}

export function removeRoute(user) {
    routes.delete(Number(user));
}
