/* The queue of tasks in which the application is told things, as a browser's event loop has one for each source of tasks. */

const MOST_IN_A_ROW = 100; // tasks, before timers and sockets get their turn

const tasks = []; // those before `next` have run
let next = 0;
let rest = []; // of the task that runs
let isScheduled = false;
let inARow = 0;
let isResetScheduled = false;

/* Promise reactions are to run between two tasks, but no timer that was set after a task was queued before it. A tick that is asked for by a
 * promise reaction is such a place: it comes when all reactions have run. */
function schedule() {
    if (isScheduled) return;
    isScheduled = true;
    if (++inARow > MOST_IN_A_ROW) setImmediate(run);
    else queueMicrotask(() => process.nextTick(run));
    if (isResetScheduled) return;
    isResetScheduled = true;
    setImmediate(() => {
        isResetScheduled = false;
        inARow = 0;
    });
}

function run() {
    isScheduled = false;
    if (rest.length + tasks.length - next > 1) schedule();
    if (rest.length) {
        rest.shift()();
        return;
    }
    const task = tasks[next];
    tasks[next++] = undefined;
    if (next === tasks.length) tasks.length = next = 0;
    task();
}

/** Queues a task: it runs with an empty stack, and promise reactions run before the next one. */
export function queueTask(task) {
    tasks.push(task);
    schedule();
}

/**
 * Does several things that are one task for the application, such as firing events. In a browser promise reactions run whenever a listener has
 * returned; Node runs them only when its stack is empty, so each thing gets a turn, and no other task comes in between. To be the last call of
 * a task.
 */
export function runInTurn(things) {
    rest = things.slice(1);
    if (rest.length) schedule();
    things[0]();
}
