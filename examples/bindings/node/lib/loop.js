/* The one loop of the library that all objects share, driven by Node's own: everything happens on the thread of JavaScript. */
import { declare, koffi } from './native.js';

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

const tasks = []; // those before `nextTask` have run
let nextTask = 0;
let rest = []; // of the task that runs

function runOne() {
    if (rest.length) {
        rest.shift()();
        return;
    }
    const task = tasks[nextTask];
    tasks[nextTask++] = undefined;
    if (nextTask === tasks.length) tasks.length = nextTask = 0;
    task();
}

/** Queues a task: it runs with an empty stack, and promise reactions run before the next one. */
export function queueTask(task) {
    tasks.push(task);
    setImmediate(runOne);
}

/**
 * Does several things that are one task for the application, such as firing events. In a browser promise reactions run whenever a listener has
 * returned; Node runs them only when its stack is empty, so each thing gets a turn of Node's, and no other task comes in between. To be the last
 * call of a task.
 */
export function runInTurn(things) {
    rest = things.slice(1);
    for (let count = rest.length; count > 0; count--) setImmediate(runOne);
    things[0]();
}

/**
 * To be called by native callbacks, which must not run code of the application: queues a task that does so. `owner` is the connection; if
 * that is just being given a description and `isPartOfDescription` is set, the task is a part of the one that applies the description.
 */
export function post(owner, task, isPartOfDescription = false) {
    if (collector && isPartOfDescription && collector.owner === owner) collector.tasks.push(task);
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
