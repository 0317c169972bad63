// Files over a data channel "file:NAME": {"name","size"} as text, the bytes in chunks, {"sha256"} as text; the receiver answers
// {"ok":true} or {"ok":false,"error"} and the sender closes.

const CHUNK = 16 * 1024;
const BUFFERED_MAX = 1024 * 1024;
const RECEIVED_MAX = 512 * 1024 * 1024;

// Browsers offer crypto.subtle to pages from localhost or https only; without it the hash is left out.
async function sha256(data) {
  if (!globalThis.crypto?.subtle)
    return null;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

export async function sendFile(channel, file) {
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = BUFFERED_MAX / 4;
  const closed = new Promise((_, reject) => channel.onclose = () => reject(new Error(`${file.name}: the other side is gone`)));
  const answered = new Promise(resolve => channel.onmessage = ({data}) => resolve(JSON.parse(data)));
  await Promise.race([closed, new Promise(resolve => channel.readyState === 'open' ? resolve() : channel.onopen = resolve)]);
  channel.send(JSON.stringify({name: file.name, size: file.size}));
  const bytes = await file.arrayBuffer();
  for (let offset = 0; offset < bytes.byteLength; offset += CHUNK) {
    if (channel.bufferedAmount > BUFFERED_MAX)
      await Promise.race([closed, new Promise(resolve => channel.onbufferedamountlow = resolve)]);
    channel.send(bytes.slice(offset, offset + CHUNK));
  }
  channel.send(JSON.stringify({sha256: await sha256(bytes)}));
  const answer = await Promise.race([closed, answered]);
  channel.onclose = null;
  channel.close();
  if (!answer.ok)
    throw new Error(`${file.name}: ${answer.error ?? 'the other side could not take it'}`);
}

export function receiveFile(channel, count) {
  let header = null, received = 0;
  const chunks = [];
  return new Promise((resolve, reject) => {
    const fail = text => {
      if (channel.readyState === 'open')
        channel.send(JSON.stringify({ok: false, error: text}));
      channel.onmessage = null;
      reject(new Error(text));
    };
    channel.onclose = () => reject(new Error(`${channel.label.slice(5)}: broken off`));
    channel.onmessage = async ({data}) => {
      count(data);
      if (typeof data !== 'string') {
        received += data.byteLength;
        if (!header || received > header.size)
          return fail('more bytes than were announced');
        chunks.push(data);
      } else if (!header) {
        header = JSON.parse(data);
        if (!(header.size <= RECEIVED_MAX))
          fail('too large for this page');
      } else {
        const trailer = JSON.parse(data), blob = new Blob(chunks);
        const hash = await sha256(await blob.arrayBuffer());
        if (received !== header.size || (hash && trailer.sha256 && hash !== trailer.sha256))
          return fail('it did not arrive intact');
        channel.send(JSON.stringify({ok: true}));
        channel.onclose = null;
        resolve({name: String(header.name), size: received, sha256: hash, url: URL.createObjectURL(blob)});
      }
    };
  });
}
