// What bench-peer is, with Pion: peer all|relay [URL [USER PASSWORD]].
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
)

type peer struct {
	configuration webrtc.Configuration
	connection    *webrtc.PeerConnection
	candidates    []webrtc.ICECandidateInit
	channel       *webrtc.DataChannel
	onMessage     atomic.Value // func([]byte)
	stop          chan struct{}
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
	pc.OnDataChannel(p.take)
	p.connection = pc
}

func (p *peer) take(channel *webrtc.DataChannel) {
	p.channel = channel
	p.onMessage.Store(func([]byte) {})
	channel.OnOpen(func() { say("open", nil) })
	channel.OnMessage(func(m webrtc.DataChannelMessage) { p.onMessage.Load().(func([]byte))(m.Data) })
}

func saySample(word string, bytes, messages int64) {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	cpu := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	fmt.Printf("%s %d %d %d %f\n", word, time.Now().UnixMicro(), bytes, messages, cpu)
}

func (p *peer) ping(count int) {
	message := make([]byte, 32)
	times := make(chan float64, 1)
	var at time.Time
	p.onMessage.Store(func([]byte) { times <- float64(time.Since(at).Nanoseconds()) / 1e3 })
	values := make([]float64, 0, count)
	for range count {
		at = time.Now()
		check(p.channel.Send(message))
		values = append(values, <-times)
	}
	slices.Sort(values)
	fmt.Printf("round-trips %f %f\n", values[count/2], values[min(count-1, count*99/100)])
}

func (p *peer) count() {
	var bytes, messages atomic.Int64
	p.onMessage.Store(func(data []byte) {
		bytes.Add(int64(len(data)))
		messages.Add(1)
	})
	stop := make(chan struct{})
	p.stop = stop
	go func() {
		for {
			saySample("received", bytes.Load(), messages.Load())
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
}

func (p *peer) flood(size int, seconds float64, limit uint64) {
	message := make([]byte, size)
	low := make(chan struct{}, 1)
	p.channel.SetBufferedAmountLowThreshold(limit / 2)
	p.channel.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	var sent int64
	saySample("flooding", 0, 0)
	end := time.After(time.Duration(seconds * float64(time.Second)))
	for {
		select {
		case <-end:
			saySample("flooded", sent*int64(size), sent)
			return
		default:
		}
		if p.channel.BufferedAmount()+uint64(size) > limit {
			select {
			case <-low:
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		check(p.channel.Send(message))
		sent++
	}
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
		channel, err := p.connection.CreateDataChannel("bench", nil)
		check(err)
		p.take(channel)
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
	case "reflect":
		p.onMessage.Store(func(data []byte) { check(p.channel.Send(data)) })
		say("reflecting", nil)
	case "ping":
		var count int
		_, err := fmt.Sscan(rest, &count)
		check(err)
		p.ping(count)
	case "count":
		p.count()
	case "flood":
		var size int
		var seconds float64
		var limit uint64
		_, err := fmt.Sscan(rest, &size, &seconds, &limit)
		check(err)
		p.flood(size, seconds, limit)
	case "close":
		if p.stop != nil {
			close(p.stop)
			p.stop = nil
		}
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
