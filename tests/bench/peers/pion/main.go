// The measurements of peer-bench with Pion: bench SETUPS SECONDS PINGS [SIZE]. Both sides are in this process.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	inFlight = 4 << 20
	lowWater = 1 << 20
)

type pair struct {
	a, b      *webrtc.PeerConnection
	near, far *webrtc.DataChannel
	onFar     atomic.Value // func([]byte)
	onNear    atomic.Value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func newConnection() *webrtc.PeerConnection {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	check(err)
	return pc
}

func pass(from, to *webrtc.PeerConnection, ready chan struct{}) {
	from.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate != nil {
			go func() {
				<-ready
				check(to.AddICECandidate(candidate.ToJSON()))
			}()
		}
	})
}

func connect() *pair {
	p := &pair{a: newConnection(), b: newConnection()}
	p.onFar.Store(func([]byte) {})
	p.onNear.Store(func([]byte) {})
	readyA, readyB := make(chan struct{}), make(chan struct{})
	pass(p.a, p.b, readyB)
	pass(p.b, p.a, readyA)
	open := make(chan struct{}, 2)
	var err error
	p.near, err = p.a.CreateDataChannel("bench", nil)
	check(err)
	p.near.OnOpen(func() { open <- struct{}{} })
	p.near.OnMessage(func(m webrtc.DataChannelMessage) { p.onNear.Load().(func([]byte))(m.Data) })
	p.b.OnDataChannel(func(channel *webrtc.DataChannel) {
		p.far = channel
		channel.OnMessage(func(m webrtc.DataChannelMessage) { p.onFar.Load().(func([]byte))(m.Data) })
		channel.OnOpen(func() { open <- struct{}{} })
	})
	offer, err := p.a.CreateOffer(nil)
	check(err)
	check(p.a.SetLocalDescription(offer))
	check(p.b.SetRemoteDescription(offer))
	close(readyB)
	answer, err := p.b.CreateAnswer(nil)
	check(err)
	check(p.b.SetLocalDescription(answer))
	check(p.a.SetRemoteDescription(answer))
	close(readyA)
	<-open
	<-open
	return p
}

func (p *pair) close() {
	p.a.Close()
	p.b.Close()
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func percentile(values []float64, fraction float64) float64 {
	slices.Sort(values)
	return values[min(len(values)-1, int(fraction*float64(len(values))))]
}

func measureSetup(count int, report map[string]any) {
	warm := connect()
	defer warm.close()
	times := []float64{}
	before := cpu()
	for range count {
		start := time.Now()
		p := connect()
		times = append(times, time.Since(start).Seconds()*1e3)
		p.close()
	}
	report["cpu_ms_per_connection"] = (cpu() - before) * 1e3 / float64(count)
	report["setup_ms_median"] = percentile(times, 0.5)
	report["setup_ms_p95"] = percentile(times, 0.95)
}

func measureFlood(p *pair, seconds float64, messageSize int, report map[string]any) {
	var received, messages atomic.Int64
	low := make(chan struct{}, 1)
	p.onFar.Store(func(data []byte) {
		received.Add(int64(len(data)))
		messages.Add(1)
	})
	p.near.SetBufferedAmountLowThreshold(lowWater)
	p.near.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	message := make([]byte, messageSize)
	start := time.Now()
	duration := time.Duration(seconds * float64(time.Second))
	var from, fromMessages int64
	var fromTime time.Time
	var fromCPU float64
	var sent int64
	for time.Since(start) < duration {
		if fromTime.IsZero() && time.Since(start) > duration/5 {
			from, fromMessages, fromTime, fromCPU = received.Load(), messages.Load(), time.Now(), cpu()
		}
		if p.near.BufferedAmount() >= inFlight {
			<-low
			continue
		}
		check(p.near.Send(message))
		sent += int64(messageSize)
	}
	bytes := float64(received.Load() - from)
	report["messages_per_s"] = float64(messages.Load()-fromMessages) / time.Since(fromTime).Seconds()
	report["throughput_MBps"] = bytes / time.Since(fromTime).Seconds() / 1e6
	report["cpu_s_per_GB"] = (cpu() - fromCPU) / (bytes / 1e9)
	for received.Load() < sent {
		time.Sleep(time.Millisecond)
	}
}

func measurePings(p *pair, count int, report map[string]any) {
	message := make([]byte, 32)
	times := make([]float64, 0, count)
	done := make(chan struct{})
	var at time.Time
	ping := func() {
		at = time.Now()
		check(p.near.Send(message))
	}
	p.onFar.Store(func(data []byte) { check(p.far.Send(data)) })
	p.onNear.Store(func([]byte) {
		times = append(times, time.Since(at).Seconds()*1e6)
		if len(times) == count {
			close(done)
		} else {
			ping()
		}
	})
	ping()
	<-done
	report["rtt_us_median"] = percentile(times, 0.5)
	report["rtt_us_p99"] = percentile(times, 0.99)
}

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		log.Fatal("usage: bench SETUPS SECONDS PINGS [SIZE]")
	}
	setups, err := strconv.Atoi(os.Args[1])
	check(err)
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	check(err)
	pings, err := strconv.Atoi(os.Args[3])
	check(err)
	size := 65536
	if len(os.Args) == 5 {
		size, err = strconv.Atoi(os.Args[4])
		check(err)
	}
	report := map[string]any{"bench": "pion"}
	if setups > 0 {
		measureSetup(setups, report)
	}
	p := connect()
	measureFlood(p, seconds, size, report)
	if pings > 0 {
		measurePings(p, pings, report)
	}
	line, err := json.Marshal(report)
	check(err)
	fmt.Println(string(line))
}
