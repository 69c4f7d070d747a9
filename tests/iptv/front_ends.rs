//! The whole way of each kind of front end, from the one URL or address that a person types to a segment.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headgate::discovery::{Announced, Responder};
use http::Method;
use roxmltree::{Document, ParsingOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::client::{name_in_jellyfin, play, read_list, redirect};
use crate::gateway::{DEADLINE, Gateway, channel};
use crate::guides::{guide, until_read};

fn channels() -> String {
    let users = "[guide]\nsource = \"epg.xml\"\n[[user]]\nname = \"ann\"\npassword = \"pass-word.1\"\n\
        [[user]]\nname = \"bob\"\npassword = \"another~1\"\n";
    let news = "name = \"24 News, live\"\nnumber = 7\ngroup = \"News\"\ntvg_id = \"news.example\"\n\
        logo = \"https://example.org/n.png\"";
    format!(
        "{users}{}{}",
        channel("news", news),
        channel("other", "name = \"Other\"")
    )
}

async fn gateway() -> Gateway {
    let text = guide("news.example", "The <b>hour</b> & more");
    let gateway = Gateway::with_files(&channels(), |folder| {
        std::fs::write(folder.join("epg.xml"), text).unwrap();
    })
    .await;
    until_read(&gateway).await;
    gateway
}

/// All programmes of a channel: start and title.
fn programmes<'a>(xml: &'a Document<'_>, id: &str) -> Vec<(&'a str, String)> {
    let root = xml.root_element();
    let of_channel = |node: &roxmltree::Node<'_, '_>| {
        node.has_tag_name("programme") && node.attribute("channel") == Some(id)
    };
    let all = root.children().filter(of_channel);
    all.map(|node| {
        let title = node
            .children()
            .find(|child| child.has_tag_name("title"))
            .unwrap();
        (
            node.attribute("start").unwrap(),
            title.text().unwrap().to_owned(),
        )
    })
    .collect()
}

fn options<'a>() -> ParsingOptions<'a> {
    ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kodi_takes_a_list_and_its_guide_and_plays() {
    let gateway = gateway().await;
    let answer = gateway.get("/channels.m3u").await;
    assert_eq!(answer.headers()["content-type"], "audio/x-mpegurl");
    assert!(answer.headers().contains_key("etag"));
    let (header, entries) = read_list(std::str::from_utf8(answer.body()).unwrap());
    assert_eq!(header["url-tvg"], header["x-tvg-url"]);
    let news = &entries[0];
    assert_eq!(news.name, "24 News, live");
    assert_eq!(news.attributes["tvg-chno"], "7");
    assert_eq!(news.attributes["group-title"], "News");
    assert!(!news.attributes.keys().any(|key| key.starts_with("catchup")));
    let guide = gateway.text(&header["x-tvg-url"]).await;
    let xml = Document::parse_with_options(&guide, options()).unwrap();
    let titles = programmes(&xml, &news.attributes["tvg-id"]);
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert_eq!(titles[0].1, "The <b>hour</b> & more");
    let others = programmes(&xml, "other");
    assert!(others.len() >= 48, "hours with its name: {}", others.len());
    assert_eq!(others[0].1, "Other");
    let segment = play(&gateway, &news.url).await;
    assert!(segment.len() > 1000);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jellyfin_reads_whole_names_and_every_format_has_its_urls() {
    let gateway = gateway().await;
    let fields = [("user-agent", "Jellyfin-Server/10.10.3")];
    let answer = gateway.ask(Method::GET, "/channels.m3u", &fields).await;
    let text = std::str::from_utf8(answer.body()).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("#EXTINF"))
        .map(name_in_jellyfin)
        .collect();
    assert_eq!(names, ["24\u{a0}News\u{201a} live", "Other"]);
    for (format, path) in [
        ("hls", "/live/news/index.m3u8"),
        ("hls-ts", "/live/news/ts/index.m3u8"),
        ("ts", "/live/news/stream.ts"),
    ] {
        let text = gateway
            .text(&format!("/channels.m3u?format={format}&group=News"))
            .await;
        let (_, entries) = read_list(&text);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].url, format!("http://{}{path}", gateway.address));
    }
    assert_eq!(gateway.get("/channels.m3u?format=avi").await.status(), 400);
    let text = gateway
        .ask(Method::GET, "/channels.m3u", &[("host", "x\"><b")])
        .await;
    assert!(
        !String::from_utf8_lossy(text.body()).contains("<b"),
        "a host is a host"
    );
    gateway.stop().await;
}

/// What Jellyfin sends to find tuners.
const SEARCH: [u8; 20] = [
    0x00, 0x02, 0x00, 0x0C, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x04, 0xFF, 0xFF, 0xFF, 0xFF,
    0x73, 0xCC, 0x7D, 0x8F,
];

/// Starts what `make` makes, asks it with a packet, and stops it again.
async fn search(
    make: fn(Announced) -> std::io::Result<Responder>,
    announced: Announced,
    packet: &[u8],
) -> Vec<u8> {
    let responder = make(announced).unwrap();
    let address = responder.local_addr().unwrap();
    let stop = CancellationToken::new();
    let ends = stop.clone();
    let running = tokio::spawn(async move { responder.run(&ends).await });
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Nonsense before it changes nothing.
    socket.send_to(b"nonsense", address).await.unwrap();
    socket.send_to(packet, address).await.unwrap();
    let mut buffer = [0; 2000];
    let received = tokio::time::timeout(DEADLINE, socket.recv(&mut buffer)).await;
    let length = received.unwrap().unwrap();
    stop.cancel();
    tokio::time::timeout(DEADLINE, running)
        .await
        .unwrap()
        .unwrap();
    buffer[..length].to_vec()
}

fn announced(listen: SocketAddr) -> Announced {
    let anywhere = "127.0.0.1:0".parse().ok();
    Announced {
        id: 0x1010_C032,
        name: "Headgate".into(),
        tuners: 4,
        public_url: None,
        listen,
        discovery: anywhere,
        ssdp: anywhere,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plex_finds_the_tuner_and_gets_a_stream() {
    let gateway = gateway().await;
    let reply = search(Responder::hdhomerun, announced(gateway.address), &SEARCH).await;
    let base = format!("http://{}", gateway.address);
    let found = reply
        .windows(base.len())
        .any(|window| window == base.as_bytes());
    assert!(found, "{}", String::from_utf8_lossy(&reply));

    let discover = gateway.json("/discover.json").await;
    assert_eq!(discover["BaseURL"], base);
    assert_eq!(discover["TunerCount"], 4);
    let id = discover["DeviceID"].as_str().unwrap();
    assert_eq!(id.len(), 8);
    let status = gateway.json("/lineup_status.json").await;
    assert_eq!(status["ScanInProgress"], 0);
    let scan = gateway
        .ask(Method::POST, "/lineup.post?scan=start&source=Cable", &[])
        .await;
    assert_eq!(scan.status(), 200);
    let lineup = gateway.json(discover["LineupURL"].as_str().unwrap()).await;
    assert_eq!(lineup[0]["GuideNumber"], "7");
    assert_eq!(lineup[0]["GuideName"], "24 News, live");
    let path = lineup[0]["URL"].as_str().unwrap().replace(&base, "");
    let (head, _stream) = stream(gateway.address, &path).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.to_lowercase().contains("content-type: video/mp2t"),
        "{head}"
    );
    let unknown = gateway.get("/auto/v99").await;
    assert_eq!(unknown.status(), 404);
    assert!(unknown.headers().contains_key("x-hdhomerun-error"));
    gateway.stop().await;
}

/// The head of an answer that may never end, and its connection once the first packet of a stream is there.
async fn stream(address: SocketAddr, path: &str) -> (String, TcpStream) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(DEADLINE, connection.read_u8()).await;
        head.push(byte.unwrap().unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("HTTP/1.1 200 ") {
        // The size of a chunk, then the packet's sync byte.
        let mut byte = 0;
        while byte != b'\n' {
            let read = tokio::time::timeout(DEADLINE, connection.read_u8()).await;
            byte = read.unwrap().unwrap();
        }
        assert_eq!(connection.read_u8().await.unwrap(), 0x47);
    }
    (head, connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_as_many_streams_as_tuners() {
    let gateway =
        Gateway::start(&format!("[hdhomerun]\ntuners = 1\n{}", channel("news", ""))).await;
    let (head, first) = stream(gateway.address, "/auto/v1").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let (head, _) = stream(gateway.address, "/tuner0/v1").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(
        head.to_lowercase().contains("x-hdhomerun-error: 805"),
        "{head}"
    );
    let probe = gateway.ask(Method::HEAD, "/auto/v1", &[]).await;
    assert_eq!(probe.status(), 200, "a look at it takes no tuner");
    drop(first);
    gateway
        .until("the tuner is free again", async || {
            stream(gateway.address, "/auto/v1")
                .await
                .0
                .starts_with("HTTP/1.1 200 ")
        })
        .await;
    gateway
        .until("a stream ends after its duration", async || {
            let answer = gateway.get("/auto/v1?duration=1").await;
            answer.status() == 200 && answer.body().len() % 188 == 0 && !answer.body().is_empty()
        })
        .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upnp_leads_to_the_description_of_the_same_tuner() {
    let gateway = gateway().await;
    let packet =
        b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n";
    let reply = search(Responder::ssdp, announced(gateway.address), packet).await;
    let reply = String::from_utf8(reply).unwrap();
    let location = reply
        .lines()
        .find_map(|line| line.strip_prefix("LOCATION: "))
        .unwrap();
    let description = gateway.text(location.trim()).await;
    assert_eq!(description, gateway.text("/capability").await);
    let xml = Document::parse(&description).unwrap();
    let text = |name: &str| {
        let mut nodes = xml.descendants();
        let node = nodes.find(|node| node.tag_name().name() == name).unwrap();
        node.text().unwrap().to_owned()
    };
    let discover = gateway.json("/discover.json").await;
    assert_eq!(text("serialNumber"), discover["DeviceID"]);
    assert!(uuid::Uuid::parse_str(text("UDN").trim_start_matches("uuid:")).is_ok());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tivimate_logs_in_and_plays() {
    let gateway = gateway().await;
    let api = "/player_api.php?username=ann&password=pass-word.1";
    let account = gateway.json(api).await;
    assert_eq!(account["user_info"]["auth"], 1);
    assert_eq!(account["user_info"]["status"], "Active");
    assert_eq!(
        account["server_info"]["port"],
        gateway.address.port().to_string()
    );
    let categories = gateway
        .json(&format!("{api}&action=get_live_categories"))
        .await;
    assert_eq!(categories[0]["category_name"], "News");
    let category = categories[0]["category_id"].as_str().unwrap();
    let streams = gateway
        .json(&format!(
            "{api}&action=get_live_streams&category_id={category}"
        ))
        .await;
    assert_eq!(streams.as_array().unwrap().len(), 1);
    let id = streams[0]["stream_id"].as_u64().unwrap();
    let epg = gateway
        .json(&format!(
            "{api}&action=get_short_epg&stream_id={id}&limit=1"
        ))
        .await;
    let title = epg["epg_listings"][0]["title"].as_str().unwrap();
    assert_eq!(STANDARD.decode(title).unwrap(), b"The <b>hour</b> & more");
    let table = gateway
        .json(&format!(
            "{api}&action=get_simple_data_table&stream_id={id}"
        ))
        .await;
    assert_eq!(table["epg_listings"][0]["now_playing"], 1);
    for action in [
        "get_vod_categories",
        "get_vod_streams",
        "get_series",
        "get_series_categories",
    ] {
        assert_eq!(
            gateway.json(&format!("{api}&action={action}")).await,
            json!([])
        );
    }
    let hls = redirect(&gateway, &format!("/live/ann/pass-word.1/{id}.m3u8")).await;
    let segment = play(&gateway, &hls).await;
    assert!(segment.len() > 1000);
    for path in [
        format!("/live/ann/pass-word.1/{id}.ts"),
        format!("/ann/pass-word.1/{id}"),
    ] {
        let url = redirect(&gateway, &path).await;
        assert!(url.ends_with("/live/news/stream.ts"), "{url}");
        let path = url.replace(&format!("http://{}", gateway.address), "");
        let (head, _) = stream(gateway.address, &path).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
    let list = gateway
        .text("/get.php?username=bob&password=another~1&type=m3u_plus&output=m3u8")
        .await;
    let (header, entries) = read_list(&list);
    assert_eq!(redirect(&gateway, &entries[0].url).await, hls);
    assert!(
        entries[0].url.contains("/live/bob/another~1/"),
        "their own URLs"
    );
    let guide = gateway.text(&header["url-tvg"]).await;
    assert!(Document::parse_with_options(&guide, options()).is_ok());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_nobody_gets_nothing() {
    let gateway = gateway().await;
    let known = gateway
        .json("/player_api.php?username=ann&password=pass-word.1&action=get_live_streams")
        .await;
    let id = &known[0]["stream_id"];
    for (user, password) in [("ann", "another~1"), ("eve", "pass-word.1"), ("ann", "x")] {
        let query = format!("username={user}&password={password}");
        let api = gateway
            .get(&format!("/player_api.php?{query}&action=get_live_streams"))
            .await;
        assert_eq!(api.status(), 401);
        let body: Value = serde_json::from_slice(api.body()).unwrap();
        assert_eq!(body["user_info"]["auth"], 0, "apps look at this");
        for path in [
            format!("/get.php?{query}"),
            format!("/xmltv.php?{query}"),
            format!("/live/{user}/{password}/{id}.ts"),
            format!("/{user}/{password}/{id}"),
        ] {
            assert_eq!(gateway.get(&path).await.status(), 401, "{path}");
        }
    }
    assert_eq!(gateway.get("/player_api.php").await.status(), 401);
    let config = gateway.text("/api/v1/config").await;
    assert!(!config.contains("pass-word"), "{config}");
    gateway.stop().await;

    let off = Gateway::start(&format!("[hdhomerun]\ntuners = 0\n{}", channel("news", ""))).await;
    for path in [
        "/player_api.php?username=&password=",
        "/get.php",
        "/live/a/b/1.ts",
        "/a/b/1",
        "/discover.json",
        "/auto/v1",
    ] {
        assert_eq!(off.get(path).await.status(), 404, "{path}");
    }
    off.stop().await;
}
