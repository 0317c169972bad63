// The WebSocket to the rendezvous: tells who is there, and carries the other side's messages.

export class Rendezvous extends EventTarget {
  constructor(room) {
    super();
    this.socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/' + encodeURIComponent(room), 'peer-call');
    this.socket.onmessage = ({data}) => this.#receive(JSON.parse(data));
    this.socket.onclose = () => this.#emit('lost');
  }

  // Server's own messages become events: joined, present, left, full, refused. Everything else is the other side's: a "message".
  #receive(message) {
    if (message.event === 'left')
      this.send({ready: true}); // what we send from now on belongs to the next call
    this.#emit(message.event ?? 'message', message);
  }

  #emit(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), {detail}));
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN)
      this.socket.send(JSON.stringify(message));
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}
