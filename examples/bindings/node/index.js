/* WebRTC as browsers have it, over libpeer. */
