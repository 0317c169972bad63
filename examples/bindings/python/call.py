"""A call between two connections: sound and pictures each way, and a message. Run it: python3 call.py"""
import asyncio

import peer


async def main():
    stream = await peer.get_user_media(audio=True, video=True)
    async with peer.PeerConnection() as alice, peer.PeerConnection() as bob:
        for name, pc, other in (("alice", alice, bob), ("bob", bob, alice)):
            for track in stream:
                pc.add_track(track, stream)
            pc.on("icecandidate", other.add_ice_candidate)
            pc.on("connectionstatechange", lambda name=name, pc=pc: print(f"{name} is {pc.connection_state}"))
            pc.on("track", lambda event, name=name: event.track.on("unmute", lambda: print(f"{name} gets {event.track.kind}")))

        @alice.on("negotiationneeded")
        async def negotiate():
            await alice.set_local_description()
            await bob.set_remote_description(alice.local_description)
            await bob.set_local_description()
            await alice.set_remote_description(bob.local_description)

        @bob.on("datachannel")
        def received(channel):
            channel.on("message", lambda text: print(f"bob reads: {text}"))

        channel = await alice.create_data_channel("chat").opened()
        channel.send("Good morning, Bob.")
        for pc in (alice, bob):
            while len(inbound := [one for one in (await pc.get_stats()).of_type("inbound-rtp") if one["bytesReceived"] > 10000]) < 2:
                await asyncio.sleep(0.1)
        for stats in inbound:
            print(f"bob got {stats['bytesReceived']} bytes of {stats['kind']}")
    for track in stream:
        track.stop()


asyncio.run(main())
