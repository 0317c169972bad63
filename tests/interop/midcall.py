"""Calls that change while they are on, between libpeer and real browsers, from either side, each as the polite one and as the other: read from both sides'
statistics. And between two libpeers, which must do the same."""
import os

import sides
from sides import both_ways, must

# The side of a browser, as interop-midcall is one.
SCRIPT = """
window.side = makeSide((pc, log) => {
  const ours = {}, received = {};
  const openVideo = (width, height) => {
    const canvas = Object.assign(document.createElement('canvas'), {width, height}), context = canvas.getContext('2d');
    let number = 0;
    const draw = () => {
      context.fillStyle = `hsl(${number * 5 % 360} 60% 50%)`;
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#fff';
      context.fillRect(number++ * 3 % width, height / 3, 40, 40);
    };
    draw();
    const timer = setInterval(draw, 33), [track] = canvas.captureStream(30).getTracks(), stop = track.stop.bind(track);
    track.stop = () => { clearInterval(timer); stop(); };
    return track;
  };
  const open = async ({kind, width = 320, height = 240}) => kind === 'video' ? openVideo(width, height)
    : (await navigator.mediaDevices.getUserMedia({audio: true})).getTracks()[0];
  const findTones = (samples, rate) => { // [tone, milliseconds] each: both frequencies of a key, and hardly anything else, in steps of 10 ms
    const step = rate / 100, size = 3 * step, tones = [];
    const power = (part, hertz) => { // Goertzel's; 1 for a sine alone of this frequency
      const factor = 2 * Math.cos(2 * Math.PI * hertz / rate);
      let last = 0, before = 0, energy = 0;
      for (const sample of part) {
        [last, before] = [sample + factor * last - before, last];
        energy += sample * sample;
      }
      return energy < 1e-4 ? 0 : 2 * (last * last + before * before - factor * last * before) / (part.length * energy);
    };
    let lasting = '', until = 0; // a hole of less than half a gap is the receiver's, which makes up for its delay
    for (let at = 0; at + size <= samples.length; at += step) {
      const part = samples.subarray(at, at + size);
      const best = all => all.map(hertz => power(part, hertz)).map((value, place) => [value, place]).sort(([a], [b]) => b - a)[0];
      const [low, row] = best([697, 770, 852, 941]), [high, column] = best([1209, 1336, 1477, 1633]);
      const tone = low > 0.2 && high > 0.2 && low + high > 0.8 ? '123A456B789C*0#D'[4 * row + column] : '';
      if (!tone) continue;
      if (tone === lasting && at - until < 8 * step) tones.at(-1)[1] += 10;
      else tones.push([tone, 10]);
      [lasting, until] = [tone, at];
    }
    return tones;
  };
  const transceiverOf = name => pc.getTransceivers().find(({sender}) => sender === ours[name].sender);
  const prefer = ({name, codec}) => {
    const {codecs} = RTCRtpReceiver.getCapabilities(ours[name].track.kind), is = one => one.mimeType.toLowerCase() === codec.toLowerCase();
    transceiverOf(name).setCodecPreferences([...codecs.filter(is), ...codecs.filter(one => !is(one))]);
  };
  pc.ondatachannel = ({channel}) => { // an echo, for those who open one
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({data}) => channel.send(typeof data === 'string' ? `echo: ${data}` : data);
  };
  pc.ontrack = ({track}) => {
    log.push(`track ${track.kind}`);
    received[track.kind] = track;
    track.onmute = () => log.push(`mute ${track.kind}`);
    track.onunmute = () => log.push(`unmute ${track.kind}`);
    track.onended = () => log.push(`ended ${track.kind}`);
    // What nobody looks at is not decoded, and what nobody listens to waits in the jitter buffer.
    const player = Object.assign(document.createElement(track.kind), {muted: true, srcObject: new MediaStream([track])});
    document.body.append(player);
    player.play().catch(() => {});
  };
  return {
    async add(command) {
      const track = await open(command), stream = new MediaStream();
      const sendEncodings = command.mode ? [{scalabilityMode: command.mode}]
        : [['q', 4], ['h', 2], ['f', 1]].map(([rid, scaleResolutionDownBy]) => ({rid, scaleResolutionDownBy}));
      const hasEncodings = command.simulcast || command.mode;
      const sender = hasEncodings ? pc.addTransceiver(track, {streams: [stream], sendEncodings}).sender : pc.addTrack(track, stream);
      ours[command.name] = {track, sender};
      if (command.codec) prefer(command);
      // A sender that may would halve its pictures while it does not know the path, and look for seconds whether that was right.
      await sender.setParameters({...sender.getParameters(), degradationPreference: 'maintain-resolution'});
    },
    async prefer(command) { prefer(command); },
    async active({name, active}) {
      const parameters = ours[name].sender.getParameters();
      parameters.encodings.forEach((encoding, place) => { encoding.active = active[place]; });
      await ours[name].sender.setParameters(parameters);
    },
    async remove({name}) { pc.removeTrack(ours[name].sender); },
    async replace({name, nothing, ...rest}) {
      const track = nothing ? null : await open({kind: ours[name].track.kind, ...rest});
      await ours[name].sender.replaceTrack(track);
      if (track) ours[name].track = track;
    },
    async stop({name}) { transceiverOf(name).stop(); },
    async direction({name, direction}) { transceiverOf(name).direction = direction; },
    async restart() { pc.restartIce(); },
    async tones({name, tones, duration, gap}) {
      const {dtmf} = ours[name].sender;
      dtmf.ontonechange = ({tone}) => log.push(`playing ${tone}`);
      dtmf.insertDTMF(tones, duration, gap);
    },
    async listen() {
      const recorder = new MediaRecorder(new MediaStream([received.audio])), parts = [];
      let taken = () => {};
      recorder.ondataavailable = ({data}) => { parts.push(data); taken(); };
      ours.listening = async () => { // to what has come by now
        await new Promise(resolve => { taken = resolve; recorder.requestData(); });
        const decoded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await new Blob(parts).arrayBuffer());
        return findTones(decoded.getChannelData(0), decoded.sampleRate);
      };
      const started = new Promise(resolve => { recorder.onstart = resolve; });
      recorder.start();
      await started;
    },
    async heard() { return {tones: await ours.listening()}; },
    async rollback() { await pc.setLocalDescription({type: 'rollback'}); },
    async state() {
      const stats = [...(await pc.getStats()).values()];
      const streams = type => stats.filter(one => one.type === type).map(one => ({
        mid: one.mid, kind: one.kind, rid: one.rid, ssrc: one.ssrc, packetsSent: one.packetsSent, packetsReceived: one.packetsReceived,
        framesDecoded: one.framesDecoded, framesSent: one.framesSent, frameWidth: one.frameWidth, frameHeight: one.frameHeight, active: one.active,
        codec: stats.find(({id}) => id === one.codecId)?.mimeType}));
      const sdp = pc.currentLocalDescription?.sdp ?? '';
      return {sections: pc.getTransceivers().map(({mid, direction, currentDirection, receiver}) => ({mid, kind: receiver.track.kind, direction, currentDirection})),
              inbound: streams('inbound-rtp'), outbound: streams('outbound-rtp'),
              ufrag: sdp.match(/a=ice-ufrag:(.*)/)?.[1].trim() ?? '', lines: (sdp.match(/^m=/gm) ?? []).length};
    },
  };
});
"""
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class Pair(sides.Pair):
    def must_do(self, side, what, **arguments):
        answer = side.do(what, **arguments)
        must("error" not in answer, f"{side.name} {what} {arguments}: {answer}")

    def index(self, side):
        return 0 if side is self.a else 1

    def rest(self, *needs):
        """Until both are stable and agree, and needs(state of a, state of b) are true; the states."""
        return self.wait("agreement", lambda *both: agree(*both) and all(need(*both) for need in needs))

    def flows(self, receiver, kind, count=1, **members):
        """`count` streams of the kind, with such members in the statistics (None: any), grow at the receiver; the states."""
        members = {name: value for name, value in members.items() if value is not None}
        index = self.index(receiver)
        grown = "framesDecoded" if kind == "video" else "packetsReceived"

        def pick(state):
            return {stream["mid"]: stream.get(grown) or 0 for stream in state["inbound"]
                    if stream["kind"] == kind and all(stream.get(name) == value for name, value in members.items())}
        first = pick(self.rest()[index])
        return self.wait(f"{count} {kind} at {receiver.name} with {members}",
                         lambda *both: sum(value > first.get(mid, 0) + 5 for mid, value in pick(both[index]).items()) == count)

    def is_still(self, receiver, kind, mid):
        """Nothing of that m-line comes any more; what was on its way may."""
        index = self.index(receiver)
        read = lambda state: sum(stream.get("packetsReceived") or 0 for stream in state["inbound"] if stream["mid"] == mid)
        last = [-1, 0]

        def same(*both):
            value = read(both[index])
            last[1] = last[1] + 1 if value == last[0] else 0
            last[0] = value
            return last[1] >= 10
        self.wait(f"silence of {kind} {mid} at {receiver.name}", same)


def agree(a, b):
    """Both are connected and stable, and their transceivers are mirrors of each other."""
    if any(state["connectionState"] != "connected" or state["signalingState"] != "stable" for state in (a, b)):
        return False
    here, there = ({one["mid"]: one for one in state["sections"] if one["currentDirection"] not in (None, "stopped")} for state in (a, b))
    settled = all(one["currentDirection"] is not None and one["direction"] != "stopped" for state in (a, b) for one in state["sections"])
    return settled and a["lines"] == b["lines"] and here.keys() == there.keys() and all(
        one["kind"] == there[mid]["kind"] and MIRROR[one["currentDirection"]] == there[mid]["currentDirection"] for mid, one in here.items())


def live(state):
    return [one for one in state["sections"] if one["currentDirection"] not in (None, "stopped")]


# ---- what is shown ----

def sound_then_picture(pair):
    """A call with sound alone gets pictures, first from one side, then from the other; the lines stay two."""
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="sound", kind="audio")
        pair.flows(other, "audio")
    must(len(live(pair.rest()[0])) == 1, "the sound of both has one m-line")
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="picture", kind="video")
        pair.flows(other, "video", frameWidth=320)
    states = pair.rest()
    must(sorted(one["kind"] for one in live(states[0])) == ["audio", "video"], f"two m-lines: {states[0]['sections']}")
    must(all(one["currentDirection"] == "sendrecv" for one in live(states[0])), f"both ways: {states[0]['sections']}")


def removed(pair):
    """removeTrack mutes the other side's track, the m-line stays; addTrack after it makes a new one, as W3C has it."""
    pair.must_do(pair.a, "add", name="sound", kind="audio")
    for side, other in both_ways(pair):
        index = pair.index(other)
        pair.must_do(side, "add", name="picture", kind="video")
        states = pair.flows(other, "video")
        lines = states[0]["lines"]
        mutes = states[index]["log"].count("mute video")
        pair.must_do(side, "remove", name="picture")
        states = pair.rest(lambda *both: both[index]["log"].count("mute video") == mutes + 1)
        must(states[0]["lines"] == lines, "the m-line stays")
        pair.must_do(side, "add", name="again", kind="video")
        states = pair.flows(other, "video")
        must(len(live(states[0])) == 3, f"a sender that has sent is not used again: {states[0]['sections']}")
        pair.must_do(side, "stop", name="picture")
        pair.must_do(side, "stop", name="again")
        pair.rest(lambda a, b: len(live(a)) == len(live(b)) == 1)


def replaced(pair):
    """replaceTrack changes what is seen without a negotiation, and nothing is nothing."""
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="picture", kind="video")
    for side, other in both_ways(pair):
        first = pair.flows(other, "video", frameWidth=320)
        for width, height in ((160, 120), (640, 480)):
            pair.must_do(side, "replace", name="picture", width=width, height=height)
            pair.flows(other, "video", frameWidth=width)
        pair.must_do(side, "replace", name="picture", nothing=True)
        pair.is_still(other, "video", live(first[0])[0]["mid"])
        pair.must_do(side, "replace", name="picture")
        states = pair.flows(other, "video", frameWidth=320)
        must(live(states[0]) == live(first[0]), "nothing was negotiated")


def stopped(pair):
    """stop() ends the other side's track; the m-line is used by whoever needs one next, on either side."""
    pair.must_do(pair.a, "add", name="sound", kind="audio")
    lines = None
    for side, other in [*both_ways(pair), *both_ways(pair)]:
        index = pair.index(other)
        pair.must_do(side, "add", name="picture", kind="video")
        states = pair.flows(other, "video")
        lines = lines or states[0]["lines"]
        must(states[0]["lines"] == lines, f"the m-line was used again: {states[0]['lines']}")
        ended = states[index]["log"].count("ended video")
        pair.must_do(side, "stop", name="picture")
        states = pair.rest(lambda *both: both[index]["log"].count("ended video") == ended + 1)
        must(len(live(states[0])) == len(live(states[1])) == 1, f"it is stopped on both sides: {states[1]['sections']}")


def emptied(pair):
    """Everything is stopped, and later something new begins: browsers have let go of the transport in between."""
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="picture", kind="video")
        pair.flows(other, "video")
        pair.must_do(side, "stop", name="picture")
        pair.wait("an empty call", lambda *both: all(not live(state) and state["signalingState"] == "stable" for state in both))


def directions(pair):
    """Every direction from either side, and media exactly where it says so."""
    for name, kind in (("sound", "audio"), ("picture", "video")):
        for side in (pair.a, pair.b):
            pair.must_do(side, "add", name=name, kind=kind)
        for side, other in both_ways(pair):
            pair.flows(other, kind)
    for side, other in both_ways(pair):
        for direction in ("sendonly", "inactive", "recvonly", "sendrecv"):
            pair.must_do(side, "direction", name="picture", direction=direction)
            index = pair.index(side)
            states = pair.rest(lambda *both: any(one["kind"] == "video" and one["currentDirection"] == direction for one in both[index]["sections"]))
            mid = next(one["mid"] for one in states[index]["sections"] if one["kind"] == "video")
            for receiver, is_fed in ((other, "send" in direction), (side, direction in ("recvonly", "sendrecv"))):
                pair.flows(receiver, "video") if is_fed else pair.is_still(receiver, "video", mid)
            pair.flows(other, "audio")


def glare(pair):
    """Both sides change the call at once, again and again: the impolite one's offer stands, and both get what they wanted."""
    for round_number in range(4):
        for side in (pair.a, pair.b):
            pair.must_do(side, "add", name=f"picture{round_number}", kind="video")
        for side in (pair.a, pair.b):
            pair.wait_alone(side, lambda state: state["signalingState"] == "have-local-offer")  # before it has seen the other's offer
        for receiver in (pair.a, pair.b):
            pair.flows(receiver, "video", count=round_number + 1)


def rolled_back(pair):
    """An offer that nobody saw is taken back; the other side's goes first, and then both have theirs."""
    for side, other in both_ways(pair):
        index = pair.index(side)
        name = f"picture of {index}"
        pair.rest() if index else None
        pair.must_do(side, "add", name=name, kind="video")
        pair.lose_description(side)
        pair.must_do(other, "add", name=name + ", other", kind="video")
        pair.wait_alone(other, lambda state: state["signalingState"] == "have-local-offer")
        pair.must_do(side, "rollback")
        for receiver in (side, other):
            pair.flows(receiver, "video", count=index + 1)


def restarted(pair):
    """ICE restarts, asked for by either side: new credentials on both, and media go on."""
    for side in (pair.a, pair.b):
        pair.must_do(side, "add", name="picture", kind="video")
    for side, other in both_ways(pair):
        before = pair.flows(other, "video")
        pair.must_do(side, "restart")
        pair.rest(lambda *both: all(state["ufrag"] != old["ufrag"] for state, old in zip(both, before)))
        for receiver in (pair.a, pair.b):
            pair.flows(receiver, "video")


def preferred(pair):
    """setCodecPreferences before a line's first negotiation, and in mid-call: the other side receives that codec from the next negotiation on."""
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="sound", kind="audio", codec="audio/PCMU")
        pair.flows(other, "audio", codec="audio/PCMU" if side is pair.a else None)
    for codec in ("audio/PCMA", "audio/opus"):
        # Whoever offers next says what it wants; the other one follows (RFC 9429 5.3.1).
        pair.must_do(pair.b, "prefer", name="sound", codec=codec)
        pair.must_do(pair.a, "prefer", name="sound", codec=codec)
        pair.must_do(pair.a, "restart")
        for receiver in (pair.a, pair.b):
            pair.flows(receiver, "audio", codec=codec)


CASES = (("sound first, then pictures", sound_then_picture), ("tracks are removed and added again", removed), ("tracks are replaced", replaced),
         ("transceivers are stopped and their lines used again", stopped),
         ("everything is stopped, and then begins anew", emptied), ("every direction", directions), ("glare", glare),
         ("an offer is rolled back", rolled_back), ("ICE restarts", restarted), ("a codec is preferred", preferred))


def cases(build):
    program = os.path.join(build, "tests/interop/interop-midcall")
    for kind, is_first in sides.ROLES:
        for what, case in CASES:
            yield (kind, f"{kind or 'libpeer'} {'first' if is_first else 'second'}, in mid-call: {what}", sides.between(program, SCRIPT, is_first, Pair, case))
