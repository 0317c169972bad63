// Pion as the other side: pion offer|answer [--full]. It has no codecs: what it receives it sends back, so the caller sees its own test picture.
// The protocol of its lines is in tests/interop/peer.c.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const prefix = "echo: "

type said struct {
	data     []byte
	isText   bool
	isEchoed bool
}

type peer struct {
	mutex        sync.Mutex
	out          sync.Mutex
	pc           *webrtc.PeerConnection
	isOffering   bool
	isFull       bool
	messages     int
	said         []*said
	packets      map[string]int
	tracks       map[string]*webrtc.TrackLocalStaticRTP
	sources      map[string]uint32 // SSRC of what is received
	early        []webrtc.ICECandidateInit
	found        []any
	isDescribed  bool
	hasRemote    bool
	keyFrameAsks int
}

func (p *peer) show(member string, value any) {
	line, err := json.Marshal(map[string]any{member: value})
	if err != nil {
		panic(err)
	}
	p.out.Lock()
	defer p.out.Unlock()
	fmt.Println(string(line))
}

func (p *peer) check(call string, err error) bool {
	if err != nil {
		p.show("error", call+": "+err.Error())
	}
	return err == nil
}

func (p *peer) whatIsSaid() []*said {
	binary := make([]byte, 40000)
	for i := range binary {
		binary[i] = byte(i*7 + i/256)
	}
	return []*said{{data: []byte("hello"), isText: true}, {data: []byte("größer, 你好 ✓"), isText: true}, {data: binary[:100]}, {data: binary}}
}

func send(channel *webrtc.DataChannel, data []byte, isText bool) error {
	if isText {
		return channel.SendText(string(data))
	}
	return channel.Send(data)
}

func (p *peer) takeChannel(channel *webrtc.DataChannel) {
	channel.OnOpen(func() {
		for _, one := range p.said {
			p.check("send", send(channel, one.data, one.isText))
		}
	})
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.messages++
		if !p.isOffering {
			data := message.Data
			if message.IsString {
				data = append([]byte(prefix), data...)
			}
			p.check("send", send(channel, data, message.IsString))
			return
		}
		for _, one := range p.said {
			expected := one.data
			if one.isText {
				expected = append([]byte(prefix), expected...)
			}
			one.isEchoed = one.isEchoed || (one.isText == message.IsString && bytes.Equal(expected, message.Data))
		}
	})
}

func (p *peer) addTracks() {
	for kind, mime := range map[string]string{"audio": webrtc.MimeTypeOpus, "video": webrtc.MimeTypeVP8} {
		capability := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000}
		if kind == "audio" {
			capability = webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 48000, Channels: 2}
		}
		track, err := webrtc.NewTrackLocalStaticRTP(capability, kind, "pion")
		if !p.check("track", err) {
			continue
		}
		sender, err := p.pc.AddTrack(track)
		if !p.check("addTrack", err) {
			continue
		}
		p.tracks[kind] = track
		go p.readFeedback(kind, sender)
	}
}

// Who receives our echo and wants a key frame must get it from the one whose picture it is.
func (p *peer) readFeedback(kind string, sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.askForKeyFrame(kind)
			}
		}
	}
}

func (p *peer) askForKeyFrame(kind string) {
	p.mutex.Lock()
	source, found := p.sources[kind]
	p.keyFrameAsks++
	p.mutex.Unlock()
	if found {
		_ = p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: source}})
	}
}

func (p *peer) receiveTrack(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	kind := track.Kind().String()
	p.mutex.Lock()
	p.sources[kind] = uint32(track.SSRC())
	p.mutex.Unlock()
	if kind == "video" {
		p.askForKeyFrame(kind)
	}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		p.mutex.Lock()
		p.packets[kind]++
		p.mutex.Unlock()
		packet.Extension, packet.Extensions = false, nil
		_ = p.tracks[kind].WriteRTP(packet)
	}
}

func (p *peer) describe(description webrtc.SessionDescription, err error) {
	if !p.check("create", err) {
		return
	}
	complete := webrtc.GatheringCompletePromise(p.pc)
	if !p.check("setLocalDescription", p.pc.SetLocalDescription(description)) {
		return
	}
	if p.isFull {
		<-complete
		p.show("description", p.pc.LocalDescription())
		return
	}
	p.show("description", description)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.isDescribed = true
	for _, candidate := range p.found {
		p.show("candidate", candidate)
	}
}

// A candidate that is found while the description is being set waits until that has left.
func (p *peer) showCandidate(candidate *webrtc.ICECandidate) {
	var value any // null after the last one
	if candidate != nil {
		value = candidate.ToJSON()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.isDescribed {
		p.show("candidate", value)
	} else {
		p.found = append(p.found, value)
	}
}

func (p *peer) offer() {
	p.addTracks()
	channel, err := p.pc.CreateDataChannel("chat", nil)
	if p.check("createDataChannel", err) {
		p.takeChannel(channel)
	}
	p.describe(p.pc.CreateOffer(nil))
}

func (p *peer) receiveDescription(description webrtc.SessionDescription) {
	if !p.check("setRemoteDescription", p.pc.SetRemoteDescription(description)) {
		return
	}
	if description.Type == webrtc.SDPTypeOffer {
		p.addTracks()
		p.describe(p.pc.CreateAnswer(nil))
	}
	for _, candidate := range p.early {
		p.check("addIceCandidate", p.pc.AddICECandidate(candidate))
	}
	p.hasRemote = true
}

func (p *peer) report() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	echoes := 0
	for _, one := range p.said {
		if one.isEchoed {
			echoes++
		}
	}
	p.show("report", map[string]any{"state": p.pc.ConnectionState().String(), "messages": p.messages, "echoes": echoes,
		"video_packets": p.packets["video"], "audio_packets": p.packets["audio"], "key_frame_asks": p.keyFrameAsks})
}

type message struct {
	Description *webrtc.SessionDescription `json:"description"`
	Candidate   *webrtc.ICECandidateInit   `json:"candidate"`
	Report      bool                       `json:"report"`
}

func main() {
	p := &peer{isOffering: slices.Contains(os.Args, "offer"), isFull: slices.Contains(os.Args, "--full"), packets: map[string]int{},
		tracks: map[string]*webrtc.TrackLocalStaticRTP{}, sources: map[string]uint32{}}
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		panic(err)
	}
	p.pc = pc
	pc.OnTrack(p.receiveTrack)
	pc.OnDataChannel(p.takeChannel)
	if p.isOffering {
		p.said = p.whatIsSaid()
	}
	if !p.isFull {
		pc.OnICECandidate(p.showCandidate)
	}
	if p.isOffering {
		p.offer()
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m message
		if !p.check("line", json.Unmarshal(lines.Bytes(), &m)) {
			continue
		}
		switch {
		case m.Report:
			p.report()
		case m.Description != nil:
			p.receiveDescription(*m.Description)
		case m.Candidate != nil && !p.hasRemote:
			p.early = append(p.early, *m.Candidate)
		case m.Candidate != nil:
			p.check("addIceCandidate", p.pc.AddICECandidate(*m.Candidate))
		}
	}
	_ = pc.Close()
	time.Sleep(50 * time.Millisecond)
}
