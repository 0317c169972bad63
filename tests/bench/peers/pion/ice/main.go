// The side of `peer-bench ice` that ice-peer is, with Pion: ice all|relay [URL [USER PASSWORD]].
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

type peer struct {
	configuration webrtc.Configuration
	connection    *webrtc.PeerConnection
	candidates    []webrtc.ICECandidateInit
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A line is one write, so those of several goroutines do not mix.
func say(word string, value any) {
	if value == nil {
		fmt.Println(word)
		return
	}
	text, err := json.Marshal(value)
	check(err)
	fmt.Printf("%s %s\n", word, text)
}

func (p *peer) start() {
	pc, err := webrtc.NewPeerConnection(p.configuration)
	check(err)
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			say("gathered", nil)
		} else {
			say("candidate", candidate.ToJSON())
		}
	})
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		switch state {
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
			say("connected", time.Now().UnixMicro())
		case webrtc.ICEConnectionStateFailed:
			say("failed", nil)
		}
	})
	p.connection = pc
}

func (p *peer) describe(description webrtc.SessionDescription, err error) {
	check(err)
	say("description", description)
	check(p.connection.SetLocalDescription(description))
}

func (p *peer) setRemote(text string) {
	var description webrtc.SessionDescription
	check(json.Unmarshal([]byte(text), &description))
	check(p.connection.SetRemoteDescription(description))
}

func (p *peer) obey(word, rest string) {
	switch word {
	case "offer":
		p.start()
		_, err := p.connection.CreateDataChannel("bench", nil)
		check(err)
		p.describe(p.connection.CreateOffer(nil))
	case "answer":
		p.start()
		p.setRemote(rest)
		p.describe(p.connection.CreateAnswer(nil))
	case "description":
		p.setRemote(rest)
		say("ready", nil)
	case "candidate":
		var candidate webrtc.ICECandidateInit
		check(json.Unmarshal([]byte(rest), &candidate))
		p.candidates = append(p.candidates, candidate)
	case "go":
		say("known", time.Now().UnixMicro())
		for _, candidate := range p.candidates {
			check(p.connection.AddICECandidate(candidate))
		}
	case "close":
		p.candidates = nil
		check(p.connection.Close())
		say("closed", nil)
	}
}

func main() {
	p := &peer{}
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		p.configuration.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	if len(os.Args) > 2 {
		server := webrtc.ICEServer{URLs: []string{os.Args[2]}}
		if len(os.Args) > 4 {
			server.Username, server.Credential = os.Args[3], os.Args[4]
		}
		p.configuration.ICEServers = []webrtc.ICEServer{server}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		p.obey(word, rest)
	}
}
