#!/usr/bin/env python3
"""Writes fuzz/corpus anew from real things of this repository: recorded media, configurations of the tests, documents
as servers, players and front ends send them. What the fuzzer adds to them is merged by scripts/fuzz.sh --merge."""

import json
import pathlib
import struct
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "fuzz" / "corpus"
FIXTURES = ROOT / "tests" / "fixtures"
# libFuzzer is quickest with small inputs.
LARGEST = 8192


def seed(target, name, data):
    if isinstance(data, str):
        data = data.encode()
    if len(data) > LARGEST:
        return
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


# === Media ===


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def beginning(path, most):
    """The initialization section and as many whole fragments as fit."""
    kept = b""
    for kind, box in boxes(path.read_bytes()):
        if len(kept) + len(box) > most and kind in (b"moof", b"mdat"):
            break
        kept += box
    # A moof without its mdat would only be waited for.
    while list(boxes(kept)) and list(boxes(kept))[-1][0] == b"moof":
        kept = kept[: -len(list(boxes(kept))[-1][1])]
    return kept


for path in sorted(FIXTURES.glob("*.mp4")) + sorted((FIXTURES / "fake").glob("*.mp4")):
    for number, most in enumerate((2500, 6000)):
        seed("fmp4_reader", f"{path.parent.name}-{path.stem}-{number}", b"\x3f" + beginning(path, most))
for video in ("video_h264", "video_hevc", "video_bframes_copy", "fake/video"):
    pictures = beginning(FIXTURES / f"{video}.mp4", 4500)
    sound = beginning(FIXTURES / "audio_aac.mp4", 3000)
    name = video.replace("/", "-")
    seed("transport_stream", name, struct.pack(">H", len(pictures)) + pictures + sound)
    seed("transport_stream", f"{name}-alone", struct.pack(">H", len(pictures)) + pictures)
    for codec in (0, 1):
        units = b""
        for kind, box in boxes(pictures):
            if kind == b"mdat":
                sample = box[8:]
                units += struct.pack(">H", len(sample)) + sample
        seed("nal_units", f"{name}-{codec}", bytes([codec]) + units)
seed("transport_stream", "sound", struct.pack(">H", 0) + beginning(FIXTURES / "audio_aac.mp4", 4000))

# === Files of people ===

for folder in ("good", "bad"):
    for path in sorted((ROOT / "tests" / "config" / folder).glob("*.toml")):
        seed("configuration", f"{folder}-{path.stem}", path.read_bytes())
seed("configuration", "shipped", (ROOT / "channels.toml").read_bytes())

LISTS = {
    "tv": '#EXTM3U x-tvg-url="https://h/epg.xml.gz"\n'
    '#EXTINF:-1 tvg-id="n.1" tvg-chno="7" tvg-logo="http://h/l.png" group-title="News",News "24"\n'
    "http://h/1.ts|User-Agent=TV%2F1.0&X-Key=k\n#EXTINF:-1,News\nrtsp://h/a b\n",
    "vlc": "#EXTM3U\n#EXTINF:-1,One\n#EXTVLCOPT:http-user-agent=VLC/3\n#EXTVLCOPT:http-referrer=http://h/\n"
    "#EXTGRP:Sport\nhttps://h/live.m3u8\n",
    "kodi": '#EXTM3U\n#EXTINF:0 group-title="a,b",Two\n#KODIPROP:inputstream=inputstream.adaptive\n'
    '#EXTHTTP:{"User-Agent":"x","Cookie":"a=b"}\nudp://@239.0.0.1:1234\n',
    "bad": "#EXTINF:-1,A\u202eb\nfile:///etc/passwd\n#EXTINF:-1,\nplugin://x\nhttp://h/2|X-Key=a%0d%0ab\n",
    "crlf": "\ufeff#EXTM3U\r\n#EXTINF:-1 tvg-chno=5.1,C\r\nsrt://h:1?mode=caller\r\n",
}
for name, text in LISTS.items():
    seed("playlist_import", name, text)

GUIDE = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE tv SYSTEM "xmltv.dtd"><tv generator-info-name="x">
<channel id="one"><display-name>One &amp; only</display-name></channel>
<programme start="20240101120000 +0100" stop="20240101130000 +0100" channel="one"><title lang="en">News</title>
<sub-title>Noon</sub-title><desc>All &lt;of&gt; it</desc><category>News</category><icon src="http://h/i.png"/>
<episode-num system="xmltv_ns">1.2.</episode-num><new/></programme>
<programme start="20240101130000" channel="one"><title><![CDATA[Open end]]></title></programme>
<programme start="202401011400 UTC" channel="two"><title>Later</title></programme></tv>"""
seed("guide", "whole", b"\xff" + GUIDE.encode())
seed("guide", "pieces", b"\x02" + GUIDE.encode())
seed("guide", "cut", b"\x10" + GUIDE.encode()[:500])
seed("guide", "bomb", b'\x20<!DOCTYPE tv [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tv><programme channel="one">&b;</programme></tv>')

for number, url in enumerate(
    ["testcard:", "slate:Back soon", "../media/news.ts", "file:///srv/a.mp4", "http://h/live.m3u8"]
    + ["https://joe:pa55word@h:8443/live/joe/key/1.ts?token=x#y", "udp://@239.0.0.1:1234?fifo_size=1"]
    + ["srt://h:9000?mode=listener&passphrase=0123456789", "rtsp://joe:12/3@h/cam", "rtmps://h/app/key"]
    + ["concat:/etc/passwd|a", "data:text/plain,x", "http://[::1]:80/", "rtp://h:5004", "subfile,,start,0,end,9,,:/a"]
):
    seed("source_url", f"{number:02}", url)

# === Requests ===

PATHS = """/live/news/index.m3u8
/live/news/720p/index.m3u8?_HLS_msn=17&_HLS_part=3
/live/news/720p/e1795237732000/init.1.mp4
/live/news/720p/e1795237732000/1234.m4s
/live/news/720p/e1795237732000/1234.2.m4s
/live/news/720p/e1795237732000/1234.iframe.m4s
/live/news/ts/index.m3u8
/live/news/ts/720p/index.m3u8
/live/news/ts/720p/e1795237732000/1234.ts
/live/news/stream.ts
/live/news/720p/iframes.m3u8
/live/news/manifest.mpd
/live/news/thumbnail.jpg
/live/time
/live/joe/s3cret/17.ts
/joe/s3cret/17
/auto/v7
/tuner0/v7.1
/channels.m3u?group=News
/player_api.php?username=joe&password=x&action=get_live_streams
/debug/sessions
/api/v1/channels/news
/live/../../etc/passwd
/live/%2e%2e/index.m3u8
/live//index.m3u8
/live/news/720p/e01/1.m4s
/live/news/720p/e18446744073709551616/1.m4s"""
for number, path in enumerate(PATHS.splitlines()):
    seed("route", f"{number:02}", path)
for number, query in enumerate(
    ["_HLS_msn=27&_HLS_part=3&_HLS_skip=YES", "_HLS_msn=18446744073709551616", "_HLS_part=1", "_HLS_msn=+1"]
    + ["a=b&_HLS_skip=v2&_HLS_msn=1", "_HLS_msn=1&_HLS_msn=2", "_HLS_part=4294967296&_HLS_msn=0", ""]
):
    seed("directives", f"{number}", query)
CMCD = "bl%3D21300%2Cbr%3D3200%2Cbs%2Cmtp%3D25400%2Csid%3D%226e2fb550-c457-11e9-bb97-0800200c9a66%22"
seed("player_data", "query", f"_HLS_msn=7&CMCD={CMCD}%2Csu%2Cpr%3D1.08%2Cltc%3D2100")
seed("player_data", "fields", 'x=y\nbs\nmtp=25400,bl=21300\nbr=3200,d=4004,ot=v,pr=0\nsid="a-b", sf=h,su=false')
for number, lines in enumerate(
    ["bytes=0-499\n\"17\", W/\"18\"\n\"17\"\ngzip, zstd;q=0.5, *;q=0", "bytes=-5\n*\nW/\"17\"\nidentity;q=1, gzip;q=0.001"]
    + ["bytes=500-\nW/\"17\"\nWed, 21 Oct 2015 07:28:00 GMT\nbr", "bytes=9-1,3-4\n\n\n*", "items=0-1\n\"\n\"17\"\nx-gzip;q=1.0"]
):
    seed("preconditions", f"{number}", lines)
for number, lines in enumerate(
    ["198.51.100.1, 192.0.2.7, 10.3.0.1", "for=192.0.2.60;proto=http;by=203.0.113.43;host=a.example", "unknown", "for=\"x"]
    + ['for="[2001:db8:cafe::17]:4711"', "for=_hidden, for=10.2.0.1", '10.0.0.2\n"', "for=\"\\", "[::ffff:10.0.0.9]:1", "for=\"a\\\"b\""]
):
    seed("forwarded", f"{number:02}", lines)
for number, text in enumerate(
    ["tv.example.org", "127.0.0.1:8080", "[::1]:80", "tv_1.local", "a\"b", "joe@h", "h:x:y:", "[::1", ":80", "..", "h:"]
):
    seed("host", f"{number:02}", text)


def packet(kind, payload):
    body = struct.pack(">HH", kind, len(payload)) + payload
    return body + struct.pack("<I", zlib.crc32(body))


ANY = b"\xff\xff\xff\xff"
seed("searches", "tuner", packet(2, b"\x01\x04\x00\x00\x00\x01\x02\x04" + ANY))
seed("searches", "any", packet(2, b"\x01\x04" + ANY))
seed("searches", "types", packet(2, b"\x2d\x08\x00\x00\x00\x05\x00\x00\x00\x01"))
seed("searches", "long", packet(2, b"\x01\x84\x00\x00\x00\x00\x01\x02\x04\x12\x34\x56\x78"))
SEARCH = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: {}\r\n\r\n"
for number, what in enumerate(["ssdp:all", "upnp:rootdevice", "urn:schemas-upnp-org:device:MediaServer:1"]):
    seed("searches", f"upnp-{number}", SEARCH.format(what))

# === What ffmpeg writes ===

PROGRESS = (
    "frame=12\nfps=0.00\nbitrate=N/A\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n"
    "headgate.begin=video\nlavfi.black_start=1.2\nlavfi.freezedetect.freeze_start=3\nlavfi.silence_start=0.5\n"
    "lavfi.black_end=2\nlavfi.freezedetect.freeze_end=4\nlavfi.silence_end=1\nheadgate.begin=audio\n"
    "frame=42\nfps=29.97\nstream_0_0_q=20.0\ndup_frames=3\ndrop_frames=1\nspeed=1.02x\nprogress=end\n"
)
seed("progress", "two", b"\xff" + PROGRESS.encode())
seed("progress", "pieces", b"\x00" + PROGRESS.encode())
seed("progress", "odd", b"\x03speed= 1e309x\nfps=nan\nframe=-1\nprogress=continue\nframe=18446744073709551616\n")
FACTS = """pa55word-17
Input #0, mpegts, from 'http://viewer:pa55word-17@192.0.2.1/live/x.ts':
  Duration: 00:01:02.50, start: 1.400000, bitrate: 2345 kb/s
  Program 1 
  Stream #0:0[0x100]: Video: h264 (High) ([27][0][0][0] / 0x001B), yuv420p(tv, bt709, progressive), 1920x1080 [SAR 1:1 DAR 16:9], 25 fps, 25 tbr, 90k tbn
    Side data:
      displaymatrix: rotation of -90.00 degrees
  Stream #0:1[0x101](eng): Audio: aac (LC) ([15][0][0][0] / 0x000F), 48000 Hz, stereo, fltp, 128 kb/s
  Stream #0:2: Video: mjpeg, yuvj420p, 300x300, 90k tbr (attached pic)
At least one output file must be specified
"""
seed("encoder_words", "facts", FACTS)
seed("encoder_words", "errors", "s3cret-word\n[tcp @ 0x5] Connection to tcp://h:1 failed: Connection refused\r\x1b[31mhttp://viewer:s3cret-word@192.0.2.1/x: Input/output error\n    Last message repeated 3 times\nError while decoding stream #0:0: Invalid data\n    Last message repeated 17 times\n")

# === What the gateway finds on its disk ===

seed("state_file", "two", json.dumps({"discontinuity_sequence": {"a": 17, "news": 28_000_000}}))
seed("state_file", "largest", json.dumps({"discontinuity_sequence": {"a": 2**64 - 1, "news": 2**64 - 6}}))
seed("state_file", "empty", json.dumps({"discontinuity_sequence": {}}))


def der(tag, *content):
    body = b"".join(content)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack(">H", len(body))
    return bytes([tag]) + length + body


def certificate(first, last, version=True):
    dates = der(0x30, *(der(0x17 if len(text) == 13 else 0x18, text.encode()) for text in (first, last)))
    head = der(0xA0, der(2, b"\x02")) if version else b""
    fields = head + der(2, b"\x01") + der(0x30, der(6, b"\x2a\x86\x48")) + der(0x30) + dates + der(0x30)
    return der(0x30, der(0x30, fields), der(0x30), der(3, b"\x00"))


seed("certificate", "utc", certificate("240101000000Z", "341231235959Z"))
seed("certificate", "generalized", certificate("20240101000000Z", "99991231235959Z"))
seed("certificate", "old", certificate("500101000000Z", "491231235959Z", version=False))
