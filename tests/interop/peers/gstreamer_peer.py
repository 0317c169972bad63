"""GStreamer's webrtcbin as the other side: python3 gstreamer_peer.py offer|answer [--full]. Its picture is a moving ball, its sound a tone."""
import json
import os
import re
import sys
import threading

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

import test_picture  # noqa: E402
from talk import SAID, Talk, complain, is_full, is_offering, show  # noqa: E402

SOURCES = """webrtcbin name=webrtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 ! vp8enc deadline=1 keyframe-max-dist=60 !
  rtpvp8pay pt={video} ! application/x-rtp,media=video,encoding-name=VP8,payload={video} ! webrtc.
audiotestsrc is-live=true freq=500 volume=0.3 ! opusenc ! rtpopuspay pt={audio} ! application/x-rtp,media=audio,encoding-name=OPUS,payload={audio} ! webrtc."""
DECODERS = {"VP8": "rtpvp8depay ! vp8dec ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=sink emit-signals=true sync=false",
            "OPUS": "rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! appsink name=sink emit-signals=true sync=false"}


class Peer:
    def __init__(self):
        self.talk = Talk(is_offering())
        self.pictures = test_picture.Counter()
        self.is_offer_planned = False
        self.lock = threading.Lock()
        self.early_candidates = []
        self.samples = self.loud_samples = 0
        self.channel = self.pipeline = self.webrtc = None
        self.kept = []  # what the bindings would free while GStreamer still uses it

    def open(self, video, audio):
        self.pipeline = Gst.parse_launch(SOURCES.format(video=video, audio=audio))
        self.webrtc = self.pipeline.get_by_name("webrtc")
        self.webrtc.connect("pad-added", self.receive_stream)
        self.webrtc.connect("on-data-channel", lambda _, channel: self.take_channel(channel))
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathering)
        if not is_full():
            self.webrtc.connect("on-ice-candidate", lambda _, index, text: self.show_candidate(
                {"candidate": text, "sdpMid": None, "sdpMLineIndex": index}))

    def offer(self):
        self.open(96, 111)
        # It may say so for each of its tracks; one offer holds them all.
        self.webrtc.connect("on-negotiation-needed", self.plan_offer)
        self.pipeline.set_state(Gst.State.READY)
        self.take_channel(self.webrtc.emit("create-data-channel", "chat", None))
        self.pipeline.set_state(Gst.State.PLAYING)

    def plan_offer(self, *_):
        if not self.is_offer_planned:
            self.is_offer_planned = True
            GLib.timeout_add(200, self.create, "offer")

    def create(self, kind):
        def created(promise, *_):
            promise.wait()
            reply = promise.get_reply()
            made = reply.get_value(kind)
            if made is None:
                return show(error="no " + kind, call="create-" + kind)
            _, message = GstSdp.SDPMessage.new_from_text(made.sdp.as_text())
            description = GstWebRTC.WebRTCSessionDescription.new(made.type, message)
            self.kept += [reply, made, message, description]
            is_set = Gst.Promise.new_with_change_func(lambda *_: self.show_description(kind, made.sdp.as_text()))
            self.kept.append(is_set)
            self.webrtc.emit("set-local-description", description, is_set)
        promise = Gst.Promise.new_with_change_func(created)
        self.kept.append(promise)
        self.webrtc.emit("create-" + kind, None, promise)

    def show_description(self, kind, text):
        """Not before it is set: the answer may be here at once, and GStreamer would refuse it."""
        if is_full():
            return
        with self.lock:
            show(description={"type": kind, "sdp": text})
            for candidate in self.early_candidates:
                show(candidate=candidate)
            self.early_candidates = None

    def show_candidate(self, candidate):
        with self.lock:
            if self.early_candidates is None:
                show(candidate=candidate)
            else:
                self.early_candidates.append(candidate)

    def on_gathering(self, *_):
        if self.webrtc.get_property("ice-gathering-state").value_nick != "complete":
            return
        if is_full():
            local = self.webrtc.get_property("local-description")
            show(description={"type": "offer" if self.talk.is_offering else "answer", "sdp": local.sdp.as_text()})
        else:
            self.show_candidate(None)

    def set_remote(self, kind, text):
        _, message = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self.kept += [message, description]
        promise = Gst.Promise.new()
        self.webrtc.emit("set-remote-description", description, promise)
        promise.wait()

    def receive_description(self, kind, text):
        if kind == "answer":
            return self.set_remote(GstWebRTC.WebRTCSDPType.ANSWER, text)
        # What is sent must have the payload types of the offer.
        number = {name: re.search(rf"^a=rtpmap:(\d+) {name}/", text, re.M | re.I).group(1) for name in DECODERS}
        self.open(number["VP8"], number["OPUS"])
        self.pipeline.set_state(Gst.State.PLAYING)
        self.set_remote(GstWebRTC.WebRTCSDPType.OFFER, text)
        self.create("answer")

    def receive_stream(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name").upper()
        decoder = Gst.parse_bin_from_description(DECODERS[name], True)
        decoder.get_by_name("sink").connect("new-sample", self.take_sample, name)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def take_sample(self, sink, name):
        sample = sink.emit("pull-sample")
        found, view = sample.get_buffer().map(Gst.MapFlags.READ)
        if not found:
            return Gst.FlowReturn.OK
        if name == "VP8":
            caps = sample.get_caps().get_structure(0)
            width, height = caps.get_value("width"), caps.get_value("height")
            stride = (width + 3) // 4 * 4
            self.pictures.take(numpy.frombuffer(view.data, numpy.uint8)[:stride * height].reshape(height, stride)[:, :width])
        else:
            samples = numpy.frombuffer(view.data, numpy.int16).astype(int)
            self.samples += len(samples)
            self.loud_samples += len(samples) if numpy.abs(samples).max() > 300 else 0
        sample.get_buffer().unmap(view)
        return Gst.FlowReturn.OK

    def take_channel(self, channel):
        def send(message):
            if isinstance(message, str):
                channel.emit("send-string", message)
            else:
                channel.emit("send-data", GLib.Bytes.new(message))

        def opened(_):
            for said in SAID:
                send(said)
        self.channel = channel
        channel.connect("on-message-string", lambda _, text: self.talk.take(text, send))
        channel.connect("on-message-data", lambda _, data: self.talk.take(data.get_data() if data else b"", send))
        if self.talk.is_offering:
            channel.connect("on-open", opened)

    def receive(self, message):
        if "report" in message:
            state = self.webrtc.get_property("connection-state").value_nick if self.webrtc else "new"
            show(report={"state": state, **self.talk.figures(), "video_frames": self.pictures.frames, "video_numbers": self.pictures.numbers,
                         "audio_seconds": self.samples / 48000, "loud_seconds": self.loud_samples / 48000})
        elif "description" in message:
            self.receive_description(message["description"]["type"], message["description"]["sdp"])
        elif message["candidate"] and message["candidate"]["candidate"]:
            self.webrtc.emit("add-ice-candidate", message["candidate"]["sdpMLineIndex"], message["candidate"]["candidate"])


def read_lines(peer):
    for line in sys.stdin:
        try:
            peer.receive(json.loads(line))
        except Exception as error:
            complain(error, line[:40])
    os._exit(0)  # a pipeline that is being torn down may hang


Gst.init(None)
the_peer = Peer()
threading.Thread(target=read_lines, args=[the_peer], daemon=True).start()
if is_offering():
    the_peer.offer()
GLib.MainLoop().run()
