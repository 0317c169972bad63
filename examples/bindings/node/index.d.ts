/* The types are those of browsers: TypeScript's DOM library has them. */
/// <reference lib="dom" />

export declare const InputDeviceInfo: typeof globalThis.InputDeviceInfo;
export type InputDeviceInfo = globalThis.InputDeviceInfo;
export declare const MediaDeviceInfo: typeof globalThis.MediaDeviceInfo;
export type MediaDeviceInfo = globalThis.MediaDeviceInfo;
export declare const MediaDevices: typeof globalThis.MediaDevices;
export type MediaDevices = globalThis.MediaDevices;
export declare const MediaStream: typeof globalThis.MediaStream;
export type MediaStream = globalThis.MediaStream;
export declare const MediaStreamTrack: typeof globalThis.MediaStreamTrack;
export type MediaStreamTrack = globalThis.MediaStreamTrack;
export declare const MediaStreamTrackEvent: typeof globalThis.MediaStreamTrackEvent;
export type MediaStreamTrackEvent = globalThis.MediaStreamTrackEvent;
export declare const OverconstrainedError: typeof globalThis.OverconstrainedError;
export type OverconstrainedError = globalThis.OverconstrainedError;
export declare const RTCCertificate: typeof globalThis.RTCCertificate;
export type RTCCertificate = globalThis.RTCCertificate;
export declare const RTCDTMFSender: typeof globalThis.RTCDTMFSender;
export type RTCDTMFSender = globalThis.RTCDTMFSender;
export declare const RTCDTMFToneChangeEvent: typeof globalThis.RTCDTMFToneChangeEvent;
export type RTCDTMFToneChangeEvent = globalThis.RTCDTMFToneChangeEvent;
export declare const RTCDataChannel: typeof globalThis.RTCDataChannel;
export type RTCDataChannel = globalThis.RTCDataChannel;
export declare const RTCDataChannelEvent: typeof globalThis.RTCDataChannelEvent;
export type RTCDataChannelEvent = globalThis.RTCDataChannelEvent;
export declare const RTCDtlsTransport: typeof globalThis.RTCDtlsTransport;
export type RTCDtlsTransport = globalThis.RTCDtlsTransport;
export declare const RTCError: typeof globalThis.RTCError;
export type RTCError = globalThis.RTCError;
export declare const RTCErrorEvent: typeof globalThis.RTCErrorEvent;
export type RTCErrorEvent = globalThis.RTCErrorEvent;
export declare const RTCIceCandidate: typeof globalThis.RTCIceCandidate;
export type RTCIceCandidate = globalThis.RTCIceCandidate;
export declare const RTCIceTransport: typeof globalThis.RTCIceTransport;
export type RTCIceTransport = globalThis.RTCIceTransport;
export declare const RTCPeerConnection: typeof globalThis.RTCPeerConnection;
export type RTCPeerConnection = globalThis.RTCPeerConnection;
export declare const RTCPeerConnectionIceErrorEvent: typeof globalThis.RTCPeerConnectionIceErrorEvent;
export type RTCPeerConnectionIceErrorEvent = globalThis.RTCPeerConnectionIceErrorEvent;
export declare const RTCPeerConnectionIceEvent: typeof globalThis.RTCPeerConnectionIceEvent;
export type RTCPeerConnectionIceEvent = globalThis.RTCPeerConnectionIceEvent;
export declare const RTCRtpReceiver: typeof globalThis.RTCRtpReceiver;
export type RTCRtpReceiver = globalThis.RTCRtpReceiver;
export declare const RTCRtpSender: typeof globalThis.RTCRtpSender;
export type RTCRtpSender = globalThis.RTCRtpSender;
export declare const RTCRtpTransceiver: typeof globalThis.RTCRtpTransceiver;
export type RTCRtpTransceiver = globalThis.RTCRtpTransceiver;
export declare const RTCSctpTransport: typeof globalThis.RTCSctpTransport;
export type RTCSctpTransport = globalThis.RTCSctpTransport;
export declare const RTCSessionDescription: typeof globalThis.RTCSessionDescription;
export type RTCSessionDescription = globalThis.RTCSessionDescription;
export declare const RTCStatsReport: typeof globalThis.RTCStatsReport;
export type RTCStatsReport = globalThis.RTCStatsReport;
export declare const RTCTrackEvent: typeof globalThis.RTCTrackEvent;
export type RTCTrackEvent = globalThis.RTCTrackEvent;

export declare const mediaDevices: MediaDevices;

/** What browsers do not have: raw media for tracks, and from them. */
export declare namespace nonstandard {
    /** A picture in I420: the bytes of Y, then of U, then of V, without gaps. */
    interface RTCVideoFrame {
        width: number;
        height: number;
        data: Uint8ClampedArray;
        /** Clockwise, in degrees. */
        rotation: number;
        /** In microseconds. */
        timestamp: number;
    }

    interface RTCVideoSourceFrame {
        width: number;
        height: number;
        data: ArrayBufferView;
        /** 0 (the default), 90, 180 or 270. */
        rotation?: number;
    }

    /** Makes video tracks whose pictures the program gives. */
    class RTCVideoSource {
        createTrack(): MediaStreamTrack;
        onFrame(frame: RTCVideoSourceFrame): void;
    }

    interface RTCAudioSourceData {
        /** Interleaved if there are several channels. */
        samples: Int16Array;
        sampleRate: number;
        /** 1 by default. */
        channelCount?: number;
    }

    /** Makes audio tracks whose sound the program gives, usually 10 ms at a time. */
    class RTCAudioSource {
        createTrack(): MediaStreamTrack;
        onData(data: RTCAudioSourceData): void;
    }

    interface RTCVideoSinkEvent extends Event {
        readonly frame: RTCVideoFrame;
    }

    interface RTCAudioSinkEvent extends Event {
        readonly samples: Int16Array;
        readonly sampleRate: number;
        readonly bitsPerSample: 16;
        readonly channelCount: number;
        /** Samples of each channel. */
        readonly numberOfFrames: number;
        /** In microseconds. */
        readonly timestamp: number;
    }

    interface RTCAudioSinkToneEvent extends Event {
        readonly tone: string;
        /** In milliseconds. */
        readonly duration: number;
    }

    /** Gets the pictures of a video track, decoded if it is a remote one, until it is stopped. */
    class RTCVideoSink extends EventTarget {
        constructor(track: MediaStreamTrack);
        readonly stopped: boolean;
        onframe: ((this: RTCVideoSink, event: RTCVideoSinkEvent) => unknown) | null;
        stop(): void;
    }

    /** Gets the sound of an audio track, and the DTMF tones in it, until it is stopped. */
    class RTCAudioSink extends EventTarget {
        constructor(track: MediaStreamTrack);
        readonly stopped: boolean;
        ondata: ((this: RTCAudioSink, event: RTCAudioSinkEvent) => unknown) | null;
        ontone: ((this: RTCAudioSink, event: RTCAudioSinkToneEvent) => unknown) | null;
        stop(): void;
    }
}
