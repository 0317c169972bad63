// peer-bench negotiate with Pion: negotiate COUNT LINES…; lines 0 is the common call. Both sides are in this process; their certificates are
// there before, and no candidate is passed on.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func certificate() webrtc.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	made, err := webrtc.GenerateCertificate(key)
	check(err)
	return *made
}

func connection(certificate webrtc.Certificate) *webrtc.PeerConnection {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{certificate}})
	check(err)
	return pc
}

func addCall(pc *webrtc.PeerConnection, hasData bool) {
	for mime, name := range map[string]string{webrtc.MimeTypeOpus: "audio", webrtc.MimeTypeVP8: "video"} {
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, name, "stream")
		check(err)
		_, err = pc.AddTrack(track)
		check(err)
	}
	if hasData {
		_, err := pc.CreateDataChannel("data", nil)
		check(err)
	}
}

func addLines(pc *webrtc.PeerConnection, count int) {
	for i := range count {
		kind := webrtc.RTPCodecTypeAudio
		if i%2 == 1 {
			kind = webrtc.RTPCodecTypeVideo
		}
		_, err := pc.AddTransceiverFromKind(kind)
		check(err)
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func negotiate(certificates [2]webrtc.Certificate, lines int) (wall, used float64) {
	start, before := time.Now(), cpu()
	a, b := connection(certificates[0]), connection(certificates[1])
	if lines > 0 {
		addLines(a, lines)
	} else {
		addCall(a, true)
		addCall(b, false)
	}
	offer, err := a.CreateOffer(nil)
	check(err)
	check(a.SetLocalDescription(offer))
	check(b.SetRemoteDescription(offer))
	answer, err := b.CreateAnswer(nil)
	check(err)
	check(b.SetLocalDescription(answer))
	check(a.SetRemoteDescription(answer))
	wall, used = float64(time.Since(start).Nanoseconds())/1e6, cpu()-before
	check(a.Close())
	check(b.Close())
	return
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: negotiate COUNT LINES…")
	}
	count, err := strconv.Atoi(os.Args[1])
	check(err)
	certificates := [2]webrtc.Certificate{certificate(), certificate()}
	for _, argument := range os.Args[2:] {
		lines, err := strconv.Atoi(argument)
		check(err)
		walls, cpus := []float64{}, []float64{}
		negotiate(certificates, lines)
		for range 1 + count*4/(lines+4) {
			wall, used := negotiate(certificates, lines)
			walls, cpus = append(walls, wall), append(cpus, used)
		}
		line, err := json.Marshal(map[string]any{"mlines": lines, "wall_ms": median(walls), "cpu_ms": median(cpus)})
		check(err)
		fmt.Println(string(line))
	}
}
