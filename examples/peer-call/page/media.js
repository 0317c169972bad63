// What the page sends (camera and microphone, or a test picture and test tones), and how it reads what it receives.

export async function openMedia(options) {
  const stream = new MediaStream();
  const troubles = [];
  // One after the other, so that a missing camera does not cost the microphone.
  for (const source of [options.audio, options.video]) {
    try {
      const track = await openTrack(source);
      if (track)
        stream.addTrack(track);
    } catch (error) {
      troubles.push(`no ${source}: ${error.message}`);
    }
  }
  return {stream, troubles};
}

// A track from a source: microphone, tones; camera, test, screen. Of anything else none.
export async function openTrack(source) {
  if (source === 'test')
    return testPicture();
  if (source === 'tones')
    return testSound();
  const constraints = {microphone: {audio: true}, camera: {video: {width: {ideal: 640}, height: {ideal: 480}}}, screen: {video: true}}[source];
  if (!constraints)
    return null;
  if (!navigator.mediaDevices)
    throw new Error('browsers give it to pages from localhost or https only');
  const opened = await (source === 'screen' ? navigator.mediaDevices.getDisplayMedia(constraints) : navigator.mediaDevices.getUserMedia(constraints));
  return opened.getTracks()[0];
}

const COLUMNS = 20, ROWS = 4, GRID_ROWS = 15;

function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc;
}

// A moving picture with the code of libpeer's test picture (peer/test_media.h) in its upper part: number, clock, checksum.
function testPicture() {
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 480});
  const context = canvas.getContext('2d', {alpha: false});
  const cell = {width: canvas.width / COLUMNS, height: canvas.height / GRID_ROWS};
  let number = 0;
  const draw = () => {
    const code = new DataView(new ArrayBuffer(10));
    code.setUint32(0, number);
    code.setUint32(4, Date.now() % 4294967296);
    code.setUint16(8, crc16(new Uint8Array(code.buffer, 0, 8)));
    const hue = number * 2 % 360, top = ROWS * cell.height;
    const gradient = context.createLinearGradient(0, top, canvas.width, canvas.height);
    gradient.addColorStop(0, `hsl(${hue} 70% 35%)`);
    gradient.addColorStop(1, `hsl(${(hue + 120) % 360} 70% 60%)`);
    context.fillStyle = gradient;
    context.fillRect(0, top, canvas.width, canvas.height - top);
    context.fillStyle = '#fff';
    context.beginPath();
    context.arc(320 + 220 * Math.sin(number / 25), 310 + 100 * Math.cos(number / 17), 48, 0, 7);
    context.fill();
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, top);
    context.fillStyle = '#fff';
    for (let i = 0; i < COLUMNS * ROWS; i++)
      if (code.getUint8(i >> 3) >> (7 - i % 8) & 1)
        context.fillRect(i % COLUMNS * cell.width, Math.floor(i / COLUMNS) * cell.height, cell.width, cell.height);
    number++;
  };
  draw();
  setInterval(draw, 1000 / 30);
  return canvas.captureStream(30).getVideoTracks()[0];
}

// Two tones whose loudness goes up and down some four times a second, as speech does.
function testSound() {
  const context = new AudioContext(), output = context.createMediaStreamDestination();
  const loudness = new GainNode(context, {gain: 0.15}), rhythm = new OscillatorNode(context, {frequency: 4}), depth = new GainNode(context, {gain: 0.1});
  rhythm.connect(depth).connect(loudness.gain);
  rhythm.start();
  for (const frequency of [440, 880]) {
    const tone = new OscillatorNode(context, {frequency});
    tone.connect(loudness);
    tone.start();
  }
  loudness.connect(output);
  return output.stream.getAudioTracks()[0];
}

// Reads the code from what a <video> shows: {number, clock} or null. The mean of the middle of each rectangle decides.
export class CodeReader {
  #context = Object.assign(document.createElement('canvas'), {width: COLUMNS * 8, height: GRID_ROWS * 8}).getContext('2d', {willReadFrequently: true});

  read(video) {
    if (!video.videoWidth)
      return null;
    const {width, height} = this.#context.canvas;
    this.#context.drawImage(video, 0, 0, width, height);
    const {data} = this.#context.getImageData(0, 0, width, ROWS * 8);
    const code = new DataView(new ArrayBuffer(10));
    for (let i = 0; i < COLUMNS * ROWS; i++) {
      const left = i % COLUMNS * 8 + 2, top = Math.floor(i / COLUMNS) * 8 + 2;
      let sum = 0;
      for (let y = top; y < top + 4; y++)
        for (let x = left; x < left + 4; x++)
          sum += data[(y * width + x) * 4 + 1];
      if (sum > 128 * 16)
        code.setUint8(i >> 3, code.getUint8(i >> 3) | 0x80 >> i % 8);
    }
    if (crc16(new Uint8Array(code.buffer, 0, 8)) !== code.getUint16(8))
      return null;
    return {number: code.getUint32(0), clock: code.getUint32(4)};
  }
}

// How loud a stream is, in dBFS over the last 40 ms or so.
export class LevelMeter {
  constructor(stream) {
    const context = new AudioContext();
    this.analyser = new AnalyserNode(context, {fftSize: 2048});
    this.samples = new Float32Array(2048);
    context.createMediaStreamSource(stream).connect(this.analyser);
    this.context = context;
  }

  get isRunning() {
    this.context.resume();
    return this.context.state === 'running';
  }

  read() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.max(-127, 10 * Math.log10(power + 1e-13));
  }
}
